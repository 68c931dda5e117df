import fc from 'fast-check'
import t from 'tap'
import { canonicalHost, canonicalName } from '../../../lib/policy/target/canonical-host.js'
import rows from '../../vectors/canonical-hosts.json' with { type: 'json' }

const refused = { code: 'FST_PROXY_AUTH_BAD_TARGET', statusCode: 400 }

t.test('a host in any spelling: it comes out in one spelling, or is refused (R-CONNECT-10, S37, S38, CVE-2026-48618)', async t => {
  for (const { name, host, canonical } of rows) {
    if (canonical === null) t.throws(() => canonicalHost(host), refused, name)
    else t.equal(canonicalHost(host), canonical, name)
  }
})

t.test('a name or a label that is too long: it is refused (R-CONNECT-10, CVE-2024-24806)', async t => {
  const label = 'a'.repeat(63)
  const longest = [label, label, label, 'a'.repeat(61)].join('.')
  t.equal(longest.length, 253)
  t.equal(canonicalHost(longest), longest)
  t.equal(canonicalHost(longest + '.'), longest)
  t.throws(() => canonicalHost(`a${longest}`), refused)
  t.throws(() => canonicalHost(`${'a'.repeat(64)}.test`), refused)
  t.throws(() => canonicalHost('ü'.repeat(253)), refused, 'short enough until it is an A-label')
  t.throws(() => canonicalHost(`${'ü.'.repeat(126)}ü`), refused, 'too long as A-labels, with no label too long')
  t.throws(() => canonicalHost('a'.repeat(1_000_000)), refused)
  t.throws(() => canonicalHost(`a${'\u00ad'.repeat(254)}.test`), refused, 'too long before soft hyphens are dropped')
})

t.test('a host with a single bracket: it is refused', async t => {
  for (const host of ['a::1]', '[::1', '[::1a', '::1]']) t.throws(() => canonicalHost(host), refused, host)
})

t.test('a host that is refused: the message does not contain it', async t => {
  for (const { name, host, canonical } of rows) {
    if (canonical !== null || host.length < 4) continue
    try {
      canonicalHost(host)
      t.fail(name)
    } catch (error) {
      t.notOk((error as Error).message.includes(host), name)
    }
  }
})

t.test('a result that is canonicalized again: nothing changes, and it is a plain host (R-CONNECT-10)', async () => {
  const char = fc.constantFrom(...'aZ09.-_xX:[]%/@ \t*①。．ü\u00ad\u200dß\u3002', '\u0660')
  const label = fc.string({ unit: fc.constantFrom(...'abcxyz019-'), maxLength: 8 }).map(text => `xn--${text}.test`)
  fc.assert(fc.property(fc.oneof(fc.string({ unit: char, maxLength: 12 }), label, fc.domain(), fc.ipV6(), fc.string({ unit: 'binary' })), host => {
    let once: string
    try {
      once = canonicalHost(host)
    } catch (error) {
      return (error as { code?: string }).code === refused.code
    }
    return canonicalHost(once) === once && /^[a-z0-9._:-]+$/.test(once)
  }), { numRuns: 5000 })
})

t.test('the name of a host for rules: it is as canonical, and an IPv4 address has one spelling', async t => {
  for (const { host, canonical } of rows) {
    if (canonical === null) t.throws(() => canonicalName(host), refused)
    else t.equal(canonicalName(host), canonical.replace(/^::ffff:(?=\d+\.)/, ''), host)
  }
  t.equal(canonicalName('[::ffff:7f00:1]'), '127.0.0.1')
  t.equal(canonicalName('2001:DB8:0::1'), '2001:db8::1')
})
