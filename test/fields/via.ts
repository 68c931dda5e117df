import fc from 'fast-check'
import t from 'tap'
import { formatVia, isPseudonym, parseVia, viaByVersion, viaNames } from '../../lib/fields/via.js'
import { MAX_MEMBERS } from '../../lib/fields/grammar.js'
import { LONG_TEXTS, anyOctets, token } from '../fixtures/field-text.js'

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_FIELD' }
const NOT_REPRESENTABLE = { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' }

t.test('our member of Via: it has the version received and our name (R-VIA-2)', async t => {
  t.equal(formatVia('1.1', 'gw-1'), '1.1 gw-1')
  t.equal(formatVia('2.0', 'gw.test:8080'), '2.0 gw.test:8080')
  t.equal(formatVia('1.0', '[::1]:80'), '1.0 [::1]:80')
  for (const [version, name] of [['', 'gw'], ['1 1', 'gw'], ['1.1', ''], ['1.1', 'g w'], ['1.1', 'a, 1.1 b'], ['1.1', 'gw\r\n'], ['1.1', 'gw (x)']]) {
    t.throws(() => formatVia(version!, name!), NOT_REPRESENTABLE)
  }
})

t.test('our members of Via, written beforehand: there is one for each version of HTTP that is served (R-VIA-2)', async t => {
  t.strictSame(viaByVersion('gw'), { '1.0': '1.0 gw', 1.1: '1.1 gw', '2.0': '2.0 gw' })
  t.throws(() => viaByVersion('g w'), NOT_REPRESENTABLE)
})

t.test('a pseudonym that is not a token: it is not accepted', async t => {
  t.ok(isPseudonym('gw-1'))
  for (const text of ['', 'g w', 'gw:80', 'gw,']) t.notOk(isPseudonym(text), text)
})

t.test('several members: they are read in their order, the last hop last (R-VIA-2)', async t => {
  t.strictSame(parseVia(['1.0 fred, HTTP/1.1 p.example.net:80 (Apache/1.1 (x, \\) y))', ',,ftp/2 [::1]\t,']), [
    { protocolVersion: '1.0', receivedBy: 'fred' },
    { protocolVersion: '1.1', receivedBy: 'p.example.net:80', comment: '(Apache/1.1 (x, \\) y))' },
    { protocolName: 'ftp', protocolVersion: '2', receivedBy: '[::1]' }
  ])
  t.strictSame(parseVia(''), [])
})

t.test('text that is no Via: it is refused', async t => {
  for (const text of ['1.1', '1.1 ', '1.1,gw', '1.1 gw x', '1.1 gw (x', '1.1 gw (x\\', '1.1 gw (x) y', 'a/b/c gw', '/1 gw', '1/ gw', '1.1 g"w', '1.1 [::1', '(x) 1.1 gw']) {
    t.throws(() => parseVia(text), MALFORMED, text)
  }
  t.throws(() => parseVia('1.1 gw,'.repeat(MAX_MEMBERS + 1)), MALFORMED)
  t.equal(parseVia('1.1 gw,'.repeat(MAX_MEMBERS)).length, MAX_MEMBERS)
})

t.test('our own name in Via: it is recognised, in any case (R-VIA-4)', async t => {
  for (const lines of [['1.1 gw'], ['1.0 a', 'HTTP/2.0\tGW (x)'], ['1.1 a (b), 1.1 gw'], [',1.1  gw,'], ['1.1 a (\\), (, x)), 1.1 gw']]) {
    t.ok(viaNames(lines, 'gw'), lines.join())
    t.ok(viaNames(lines, 'GW'), lines.join())
  }
  for (const lines of [[], [''], ['1.1 gw2'], ['1.1 gw:80'], ['1.1 a (, 1.1 gw, )'], ['gw'], ['gw x'], ['1.1 a gw'], ['1.1, gw']]) {
    t.notOk(viaNames(lines, 'gw'), lines.join())
  }
})

t.test('text outside the grammar: it hides no loop (R-VIA-4)', async t => {
  for (const text of ['1.1 a (open', '1.1 a ((', '"', '1.1 a (\\', '(', 'a b c d', '1.1 a "x']) t.ok(viaNames([`${text}, 1.1 gw`], 'gw'), text)
  t.ok(viaNames(['1.1 a (x, 1.1 gw, 1.1 b (squid)'], 'gw'), 'the comment of a later hop closes none before it')
})

t.test('more hops than there can be: they count as a loop (R-VIA-4)', async t => {
  t.notOk(viaNames(['1.1 a,'.repeat(MAX_MEMBERS)], 'gw'))
  t.notOk(viaNames(['1.1 a b c,'.repeat(MAX_MEMBERS)], 'gw'), 'members count, not words')
  t.ok(viaNames(['1.1 a,'.repeat(MAX_MEMBERS), '1.1 a'], 'gw'))
})

t.test('members that were written: reading gives them back', async t => {
  fc.assert(fc.property(token, token, token.filter((text) => text.toLowerCase() !== 'gw'), (version, name, other) => {
    const line = `${formatVia('1.1', other)}, ${formatVia(version, name)}`
    t.match(parseVia(line), [{ receivedBy: other }, { protocolVersion: version, receivedBy: name }])
    t.ok(viaNames([line], name))
    t.ok(viaNames([`${formatVia('1.1', other)} (x), ${formatVia('1.1', 'gw')}`], 'gw'))
  }))
})

t.test('any text: the search for a name neither throws nor takes long (R-PARSE-11)', async t => {
  fc.assert(fc.property(anyOctets, (text) => typeof viaNames([text, `1.1 ${text}`], 'gw') === 'boolean'))
  t.notOk(viaNames(['('.repeat(1 << 20)], 'gw'), 'a comment without end is looked for once, or this takes hours')
  for (const text of LONG_TEXTS) {
    t.type(viaNames([text], 'gw'), 'boolean')
    try {
      t.type(parseVia(text), Array)
    } catch (error) {
      t.match(error, MALFORMED)
    }
  }
})
