import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { ipv4, readAddress } from '../../../lib/policy/address/address.js'

t.test('a dotted quad: it is an IPv4 address', async t => {
  t.strictSame(readAddress('192.0.2.1'), { family: 4, bits: 0xc0000201n, text: '192.0.2.1' })
  t.strictSame(readAddress('0.0.0.0'), { family: 4, bits: 0n, text: '0.0.0.0' })
})

t.test('an IPv6 address: its text is the shortest spelling', async t => {
  t.strictSame(readAddress('2001:DB8:0::1'), { family: 6, bits: 0x20010db8000000000000000000000001n, text: '2001:db8::1' })
  t.strictSame(readAddress('::'), { family: 6, bits: 0n, text: '::' })
})

t.test('an IPv4-mapped address: it is the IPv4 address (R-CONNECT-9)', async t => {
  for (const text of ['::ffff:127.0.0.1', '::FFFF:7f00:1', '0:0:0:0:0:ffff:127.0.0.1']) {
    t.strictSame(readAddress(text), { family: 4, bits: 0x7f000001n, text: '127.0.0.1' }, text)
  }
})

t.test('an IPv4-compatible address: it is not a mapped one', async t => {
  t.strictSame(readAddress('::127.0.0.1'), { family: 6, bits: 0x7f000001n, text: '::7f00:1' })
})

t.test('any other text: it is no address', async t => {
  for (const text of ['', 'localhost', '127.1', '0177.0.0.1', '[::1]', 'fe80::1%eth0', '::1%0', '1.2.3.4/8', '::ffff:1.2.3', ' 1.2.3.4']) {
    t.equal(readAddress(text), null, text)
  }
})

t.test('any IPv4 address: its bits make its text again', async () => {
  fc.assert(fc.property(fc.ipV4(), text => readAddress(text)?.text === text && ipv4(readAddress(text)!.bits).text === text))
})

t.test('any spelling of an IPv6 address: it has the bits that its groups add up to', async () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 }), fc.boolean(), (groups, quad) => {
    const bits = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
    const hex = groups.map(group => group.toString(16).toUpperCase())
    const tail = [groups[6]! >> 8, groups[6]! & 255, groups[7]! >> 8, groups[7]! & 255].join('.')
    const text = quad ? [...hex.slice(0, 6), tail].join(':') : hex.join(':')
    const address = readAddress(text)!
    const mapped = bits >> 32n === 0xffffn
    return address.bits === (mapped ? bits & 0xffffffffn : bits) && readAddress(address.text)!.bits === address.bits &&
      isIPv6(address.text) === !mapped
  }))
})
