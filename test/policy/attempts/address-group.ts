import t from 'tap'
import { addressGroup } from '../../../lib/policy/attempts/address-group.js'

t.test('an IPv4 address in any spelling: it is one group', async t => {
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201']) t.equal(addressGroup(address), '192.0.2.1')
  t.not(addressGroup('192.0.2.2'), addressGroup('192.0.2.1'))
})

t.test('IPv6 addresses of one network of 64 bits: they are one group', async t => {
  for (const address of ['2001:db8::1', '2001:db8::ffff:ffff:ffff:ffff', '2001:DB8:0:0:1::', '2001:db8::1%eth0']) {
    t.equal(addressGroup(address), '20010db800000000/64', address)
  }
  t.not(addressGroup('2001:db8:0:1::1'), addressGroup('2001:db8::1'))
  t.equal(addressGroup('::1'), '0000000000000000/64')
})

t.test('a text that is no address: it is a group of its own', async t => {
  t.equal(addressGroup('a socket'), 'a socket')
})

t.test('no address: there is no group', t => {
  t.equal(addressGroup(undefined), '')
  t.end()
})
