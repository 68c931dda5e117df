import t from 'tap'
import { readAddress } from '../../../lib/policy/address/address.js'
import { embeddedIPv4 } from '../../../lib/policy/address/embedded-address.js'

const inside = (text: string): string | null => embeddedIPv4(readAddress(text)!)?.text ?? null

t.test('an IPv4 address in each kind of wrapper: it is found (R-CONNECT-9)', async t => {
  t.equal(inside('::10.1.2.3'), '10.1.2.3', 'IPv4-compatible')
  t.equal(inside('::ffff:0:10.1.2.3'), '10.1.2.3', 'IPv4-translated')
  t.equal(inside('64:ff9b::10.1.2.3'), '10.1.2.3', 'NAT64')
  t.equal(inside('64:ff9b:1:2:3:4:10.1.2.3'), '10.1.2.3', 'local NAT64')
  t.equal(inside('2002:a01:203:4::5'), '10.1.2.3', '6to4')
  // The example of RFC 4380, 4: the client's address is stored with every bit flipped.
  t.equal(inside('2001:0:4136:e378:8000:63bf:3fff:fdd2'), '192.0.2.45', 'Teredo')
})

t.test('an address without an IPv4 address inside: none is found', async t => {
  for (const text of ['10.1.2.3', '::ffff:10.1.2.3', '::', '::1', '2606:4700::1111', '64:ff9b:2::1', '64:ff9b:0:0:1::1', '2003::1', '2001:1::1']) {
    t.equal(inside(text), null, text)
  }
})
