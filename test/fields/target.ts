import fc from 'fast-check'
import t from 'tap'
import { parseTarget, withoutUserinfo } from '../../lib/fields/target.js'
import { LONG_TEXTS, anyOctets } from '../fixtures/field-text.js'
import { vectors } from '../fixtures/vectors.js'

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
