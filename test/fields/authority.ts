import fc from 'fast-check'
import t from 'tap'
import { formatAuthority, readAuthority } from '../../lib/fields/authority.js'
import type { Authority } from '../../lib/fields/authority.js'
import { LONG_TEXTS, anyOctets } from '../fixtures/field-text.js'

t.test('a host, with or without a port: it is read in lower case', async t => {
  t.strictSame(readAuthority('Origin.TEST:8080'), { host: 'origin.test', port: 8080, wireHost: 'origin.test' })
  t.strictSame(readAuthority('origin.test'), { host: 'origin.test', port: undefined, wireHost: 'origin.test' })
  t.strictSame(readAuthority('my_app-1:'), { host: 'my_app-1', port: undefined, wireHost: 'my_app-1' })
  t.strictSame(readAuthority('a:1'), { host: 'a', port: 1, wireHost: 'a' })
  t.strictSame(readAuthority('a:65535'), { host: 'a', port: 65535, wireHost: 'a' })
})

t.test('an IPv6 address: it has brackets on the wire only', async t => {
  t.strictSame(readAuthority('[2001:DB8::1]:443'), { host: '2001:db8::1', port: 443, wireHost: '[2001:db8::1]' })
  t.strictSame(readAuthority('[::ffff:127.0.0.1]'), { host: '::ffff:127.0.0.1', port: undefined, wireHost: '[::ffff:127.0.0.1]' })
})

t.test('a trailing dot is for the wire: policy sees one name (R-CONNECT-10, R-FWD-2)', async t => {
  t.strictSame(readAuthority('Origin.test.:80'), { host: 'origin.test', port: 80, wireHost: 'origin.test.' })
})

t.test('unusual spellings of an IPv4 address: they are left to policy', async t => {
  for (const host of ['127.1', '2130706433', '0x7f000001', '0177.0.0.1', '192.0.2.1']) t.match(readAuthority(host), { host })
})

t.test('an invalid host: it is refused (R-CONNECT-10)', async t => {
  const hosts = [
    '', '.', '..', 'a..b', '.a', 'a..', 'a b', 'a%2eb', 'caf\u00e9', 'a/b', 'a?b', 'a#b', 'a\\b', 'a\0', 'a\n', 'a!b', '*', "a'b",
    '[', ']', '[]', '[::1', '[::1%25eth0]', '[fe80::1%eth0]', '[127.0.0.1]', '[v1.x]', '[a.test]', '[:::1]', '[[::1]]', 'x'.repeat(254)
  ]
  for (const host of hosts) {
    t.equal(readAuthority(host), 'the host is not valid', host)
    t.type(readAuthority(`${host}:80`), 'string', host)
  }
  t.type(readAuthority('x'.repeat(253)), 'object')
  t.equal(readAuthority('::1'), 'the host is not valid')
  t.type(readAuthority('2001:db8::1:443'), 'string')
})

t.test('an invalid port: it is refused (R-CONNECT-1)', async t => {
  for (const port of ['0', '00', '080', '65536', '100000', '99999999999999999999', '+80', '-1', '80x', ' 80', '80 ', '8 0', '0x50', ':80', '1e3', '\u0661']) {
    t.equal(readAuthority(`a.test:${port}`), 'the port is not valid', port)
    t.equal(readAuthority(`[::1]:${port}`), 'the port is not valid', port)
  }
  t.equal(readAuthority('[::1]80'), 'the port is not valid')
  t.equal(readAuthority('[::1]x:80'), 'the port is not valid')
})

t.test('userinfo anywhere in an authority: it is refused (R-TGT-8, R-CONNECT-10)', async t => {
  for (const text of ['u@a.test', 'u:p@a.test:443', '@a.test', 'a.test:80@b.test', '[::1]@a.test', 'a.test@']) {
    t.equal(readAuthority(text), 'userinfo is not allowed', text)
  }
})

t.test('a port that equals the given default: it is left out', async t => {
  t.equal(formatAuthority('a.test', 80, 80), 'a.test')
  t.equal(formatAuthority('a.test', 80), 'a.test:80')
  t.equal(formatAuthority('a.test', 443, 80), 'a.test:443')
  t.equal(formatAuthority('2001:db8::1', 80, 80), '[2001:db8::1]')
  t.equal(formatAuthority('::1', 443), '[::1]:443')
  t.equal(formatAuthority('[::1]', 443), '[::1]:443', 'brackets that are there are not doubled')
})

t.test('an authority for the wire: it is read as the same one, with the host that policy is asked about (R-CONNECT-10)', async t => {
  for (const text of ['a.test.:1', '99999999999999999999.:1', '0x7f.1.:1', '127.0.0.1.:1', '[::1]:1', 'A.Test:1']) {
    const { host, port, wireHost } = readAuthority(text) as Authority
    t.strictSame(readAuthority(formatAuthority(wireHost, port!)), { host, port, wireHost }, text)
  }
})

t.test('an authority that was written: reading gives it back', async t => {
  const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6().map((address) => address.toLowerCase()))
  fc.assert(fc.property(host, fc.integer({ min: 1, max: 65535 }), (host, port) => {
    t.match(readAuthority(formatAuthority(host, port)), { host, port })
    t.match(readAuthority(formatAuthority(host, port, port)), { host, port: undefined })
  }))
})

t.test('any text: it is an authority, or refused with a reason that holds nothing of it (R-PARSE-11)', async t => {
  const reasons = new Set(['the host is not valid', 'the port is not valid', 'userinfo is not allowed'])
  const isEither = (text: string) => {
    const authority = readAuthority(text)
    return typeof authority === 'string' ? reasons.has(authority) : /^[a-z0-9._-]+$|^[a-f0-9:.]+$/.test(authority.host)
  }
  fc.assert(fc.property(anyOctets, isEither), { numRuns: 1000 })
  for (const text of LONG_TEXTS) t.ok(isEither(text) && isEither(`a:${text}`) && isEither(`[${text}`))
})
