import fc from 'fast-check'
import t from 'tap'
import { formatAuthority, readAuthority, parseTarget, withoutUserinfo } from '../../lib/fields/target.js'
import type { Authority } from '../../lib/fields/target.js'
import { LONG_TEXTS, anyOctets } from '../fixtures/field-text.js'
import { vectors } from '../fixtures/vectors.js'

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

interface TargetRow {
  id: string
  request_line: string
  source: string
  expected: { error?: number, decision?: string, form?: string, scheme?: string, host?: string, port?: number, path?: string, forward_host?: string }
}
interface AuthorityRow { id: string, target: string, note?: string, expected: { error?: number, host?: string, port?: number, policy?: string } }

const BAD_TARGET = { code: 'FST_PROXY_AUTH_BAD_TARGET', statusCode: 400 }

// The rule a vector is there for.
const RULES: Record<string, string[]> = {
  'R-TGT-1': ['RT-2', 'RT-3', 'RT-21', 'RT-22'],
  'R-TGT-4': ['RT-4'],
  'R-TGT-5': ['RT-5'],
  'R-TGT-6': ['RT-6', 'RT-7', 'RT-8', 'RT-9', 'RT-10'],
  'R-TGT-8': ['RT-11'],
  'R-TGT-10': ['RT-12', 'RT-13']
}
const ruleOf = (id: string) => Object.keys(RULES).find((rule) => RULES[rule]?.includes(id)) ?? 'R-TGT-9'
const ABOUT_HOST = ['RT-17', 'RT-18', 'RT-19'] // the target of these is fine, the Host lines are not

for (const { id, request_line: line, expected, source } of vectors<TargetRow>('request-target')) {
  if (ABOUT_HOST.includes(id)) continue
  t.test(`${id}: ${source} (${ruleOf(id)})`, async t => {
    const method = line.slice(0, line.indexOf(' '))
    const target = line.slice(method.length + 1, line.lastIndexOf(' '))
    if (expected.error !== undefined) return t.throws(() => parseTarget(method, target), BAD_TARGET)
    if (expected.decision !== undefined) return t.match(parseTarget(method, target), { scheme: 'https', port: 443 })
    const { form, scheme, host, port, path } = expected
    const fields = Object.entries({ form, scheme, host, port, path }).filter(([, value]) => value !== undefined)
    t.match(parseTarget(method, target), Object.fromEntries(fields))
    if (expected.forward_host !== undefined) t.match(parseTarget(method, target), { authority: expected.forward_host })
  })
}

for (const { id, target, expected, note } of vectors<AuthorityRow>('connect-authority')) {
  t.test(`${id}: CONNECT ${target}${note === undefined ? '' : `, ${note}`} (R-CONNECT-1, R-CONNECT-10, R-NODE-6)`, async t => {
    if (expected.error === 400) t.throws(() => parseTarget('CONNECT', target), BAD_TARGET)
    else if (expected.host !== undefined) t.match(parseTarget('CONNECT', target), { form: 'authority', host: expected.host, port: expected.port })
    else t.match(parseTarget('CONNECT', target), { form: 'authority', authority: target }, 'it is for policy to refuse')
  })
}

t.test('a target in each form: it is read whole', async t => {
  t.strictSame(parseTarget('GET', '/a?b'), { form: 'origin', path: '/a?b' })
  t.strictSame(parseTarget('OPTIONS', '*'), { form: 'asterisk' })
  t.strictSame(parseTarget('CONNECT', '[::1]:443'), { form: 'authority', host: '::1', port: 443, authority: '[::1]:443' })
  t.strictSame(parseTarget('GET', 'HTTPS://A.test:443/%7e'),
    { form: 'absolute', scheme: 'https', host: 'a.test', port: 443, authority: 'a.test', path: '/%7e' })
  t.strictSame(parseTarget('POST', 'http://[::1]:8080'),
    { form: 'absolute', scheme: 'http', host: '::1', port: 8080, authority: '[::1]:8080', path: '/' })
})

t.test('the default port of the other scheme: it is no default', async t => {
  t.match(parseTarget('GET', 'http://a.test:443/'), { port: 443, authority: 'a.test:443' })
  t.match(parseTarget('GET', 'https://a.test:80/'), { port: 80, authority: 'a.test:80' })
  t.match(parseTarget('GET', 'http://a.test:/'), { port: 80, authority: 'a.test' })
})

t.test('a target in absolute-form: every method accepts it, but CONNECT (R-TGT-1, R-TGT-6)', async t => {
  for (const method of ['GET', 'POST', 'OPTIONS', 'TRACE', 'PROPFIND', 'x-own']) t.match(parseTarget(method, 'http://a.test/'), { form: 'absolute', path: '/' })
  for (const target of ['http://a.test/', '/', '*', 'http://a.test:80', '//a.test:80']) t.throws(() => parseTarget('CONNECT', target), BAD_TARGET, target)
})

t.test('an empty path: it becomes "/", or "*" for OPTIONS without a query (R-TGT-4, R-TGT-5)', async t => {
  t.match(parseTarget('GET', 'http://a.test?q'), { path: '/?q' })
  t.match(parseTarget('GET', 'http://a.test?'), { path: '/?' })
  t.match(parseTarget('OPTIONS', 'http://a.test?q'), { path: '/?q' })
  t.match(parseTarget('OPTIONS', 'http://a.test?'), { path: '/?' })
  t.match(parseTarget('OPTIONS', 'http://a.test/'), { path: '/' })
})

t.test('path and query: they stay as they came (R-FWD-1)', async t => {
  for (const path of ['/a/../b', '//x//y', '/%zz', '/a;b?c={"d":[1|2]}&e=\\f', '/a\\b?c', '/\\\\c', '/caf\u00c3\u00a9', '/@scope/pkg', '/?u:p@h', '/http://b.test/']) {
    t.strictSame(parseTarget('GET', path), { form: 'origin', path })
    t.match(parseTarget('GET', `http://a.test${path}`), { host: 'a.test', path })
  }
})

t.test('a fully qualified host: it keeps its dot on the wire (R-FWD-2)', async t => {
  t.match(parseTarget('GET', 'http://a.test.:8080/'), { host: 'a.test', authority: 'a.test.:8080' })
  t.match(parseTarget('CONNECT', 'a.test.:443'), { host: 'a.test', authority: 'a.test.:443' })
})

t.test('a scheme other than http and https: it is refused (R-TGT-10)', async t => {
  for (const scheme of ['ftp', 'ws', 'wss', 'file', 'httpx', 'http+unix']) t.throws(() => parseTarget('GET', `${scheme}://a.test/`), BAD_TARGET, scheme)
  for (const target of ['http:/a.test/', 'http:a.test', '://a.test/', 'a.test/', 'http//a.test', ' http://a.test/', '', 'http', 'javascript:alert(1)']) {
    t.throws(() => parseTarget('GET', target), BAD_TARGET, target)
  }
})

t.test('ws and wss: http and https in an upgrade, else not served (F-56)', async t => {
  for (const [target, scheme, port, authority] of [
    ['ws://a.test/x', 'http', 80, 'a.test'], ['WSS://a.test', 'https', 443, 'a.test'], ['wss://a.test:80/', 'https', 80, 'a.test:80'],
    ['ws://a.test:80', 'http', 80, 'a.test'], ['http://a.test/', 'http', 80, 'a.test']
  ] as const) t.match(parseTarget('GET', target, true), { form: 'absolute', scheme, port, authority }, target)
  for (const target of ['ws://a.test/', 'wss://a.test/']) t.throws(() => parseTarget('GET', target), BAD_TARGET)
  for (const target of ['ws:a.test', 'ftp://a.test/', 'wsx://a.test/', 'constructor://a.test/', '__proto__://a.test/', 'ws://u:p@a.test/', 'ws://']) {
    t.throws(() => parseTarget('GET', target, true), BAD_TARGET, target)
  }
})

t.test('userinfo, a fragment, or what another reader takes for the end of the authority: it is refused (R-TGT-8)', async t => {
  const targets = [
    'http://u@a.test/', 'http://u:p@a.test', 'http://@a.test/', 'http://a.test@b.test/', 'http://a.test:80@b.test/',
    'http://a.test#f', 'http://a.test/p#f', 'http://a.test?q#f', '/p#f', '/#', 'http://a.test\\@b.test/', 'http://a.test\\', 'http:\\\\a.test/',
    'http://', 'http:///p', 'http://?q', 'http://:80/', 'http://a.test:0/', 'http://a.test:65536/', 'http://::1/', 'http://[::1%25lo]/'
  ]
  for (const target of targets) t.throws(() => parseTarget('GET', target), BAD_TARGET, target)
})

t.test('whitespace or a control char: the target is refused (R-TGT-9)', async t => {
  for (const char of [' ', '\t', '\r', '\n', '\0', '\x7f', '\u0100', '\u2028']) {
    for (const target of [`/a${char}b`, `/?${char}`, `http://a.test/${char}`, `http://a${char}.test/`]) t.throws(() => parseTarget('GET', target), BAD_TARGET)
    t.throws(() => parseTarget('CONNECT', `a${char}.test:443`), BAD_TARGET)
  }
})

t.test('a refused target: the reason holds nothing of it (R-SEC-1)', async t => {
  t.throws(() => parseTarget('GET', 'http://alice:secret@a.test/'), { message: 'bad request target: userinfo is not allowed' })
  t.throws(() => parseTarget('CONNECT', 'alice:secret@a.test:443'), { message: 'bad request target: userinfo is not allowed' })
})

t.test('a target with userinfo: the userinfo is taken out for logs (R-SEC-1, R-TGT-8)', async t => {
  const rows = [
    ['http://u:p@a.test/x?y', 'http://a.test/x?y'],
    ['HTTP://u@a.test', 'HTTP://a.test'],
    ['ftp://u:p@a.test/', 'ftp://a.test/'],
    ['http://u:p@q@a.test/', 'http://a.test/'],
    ['u:p@a.test:443', 'a.test:443'],
    ['u:p/q@a.test:443', 'a.test:443'],
    ['http:/u:p@a.test/', 'a.test/'],
    ['http:\\\\u:p@a.test/', 'a.test/'],
    // A password with a raw "/", "?", "#" or "\" ends the authority too soon, which then makes no sense.
    ['http://u:p/q@a.test/', 'http://a.test/'],
    ['http://u:p?q@a.test/', 'http://a.test/'],
    ['http://u:p#q@a.test/', 'http://a.test/'],
    ['http://u:p\\q@a.test/', 'http://a.test/'],
    ['http://u:/@a.test/', 'http://u:/@a.test/'],
    // So does a name with an "@" in it before such a password.
    ['http://u@corp:p/q@a.test/', 'http://a.test/'],
    ['http://@u:p?q@a.test/x', 'http://a.test/x'],
    ['http://u@b.test/x@y', 'http://b.test/x@y']
  ]
  for (const [target, expected] of rows) t.equal(withoutUserinfo(target!), expected)
})

t.test('a target without userinfo: it is logged as it is', async t => {
  for (const target of ['/a@b', '//u:p@a.test/', '*', 'a.test:443', 'http://a.test/@scope/pkg', 'http://a.test:80/?mail=a@b.test', 'http://[::1]/@', 'http://a.test']) {
    t.equal(withoutUserinfo(target), target)
  }
})

t.test('any URL with userinfo: it is served, or logged without; any URL without userinfo is not touched', async t => {
  fc.assert(fc.property(fc.webUrl({ withQueryParameters: true }), fc.stringMatching(/^[a-z:!/?]{1,8}$/), (url, userinfo) => {
    t.equal(withoutUserinfo(url), url)
    t.match(parseTarget('GET', url), { form: 'absolute' })
    const url2 = url.replace('://', `://${userinfo}@`)
    try {
      parseTarget('GET', url2)
    } catch {
      t.notOk(withoutUserinfo(url2).includes(`//${userinfo}@`), url2)
    }
  }))
})

t.test('any text: it is a target, or is refused with our error (R-PARSE-11)', async t => {
  const isReadOrRefused = (method: string, target: string) => {
    try {
      return typeof parseTarget(method, target).form === 'string'
    } catch (error) {
      return (error as { code?: string }).code === BAD_TARGET.code
    }
  }
  fc.assert(fc.property(fc.constantFrom('GET', 'CONNECT', 'OPTIONS'), fc.constantFrom('', '/', 'http://', 'http://a'), anyOctets, (method, start, text) =>
    isReadOrRefused(method, start + text) && typeof withoutUserinfo(start + text) === 'string'), { numRuns: 2000 })
  for (const text of LONG_TEXTS) {
    for (const start of ['', '/', 'http://', 'http://a/']) {
      t.ok(isReadOrRefused('GET', start + text))
      t.type(withoutUserinfo(start + text), 'string')
    }
    t.ok(isReadOrRefused('CONNECT', text))
  }
})
