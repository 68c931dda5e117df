import fc from 'fast-check'
import t from 'tap'
import { isMaybeBelow, isSurelyBelow, readPath, readPrefix } from '../../../lib/policy/rules/path.js'

/** Whether all origins read the path below the prefix, some do, or none. */
function below (path: string, prefix: string): 'surely' | 'maybe' | 'never' {
  const [read, by] = [readPath(path), readPrefix(prefix)!]
  const maybe = isMaybeBelow(read, by)
  if (!isSurelyBelow(read, by)) return maybe ? 'maybe' : 'never'
  return maybe ? 'surely' : 'never'
}

t.test('a path that all origins read alike: it is below its prefixes, in whole segments', async t => {
  for (const [path, prefix, expected] of [
    ['/v1/orders', '/v1/orders', 'surely'], ['/v1/orders/', '/v1/orders', 'surely'], ['/v1/orders/7', '/v1/orders', 'surely'],
    ['/v1/orders?x=/../', '/v1/orders', 'surely'], ['/v1/orders', '/v1/orders/', 'surely'], ['/', '/', 'surely'], ['/x', '/', 'surely'], ['/?', '/', 'surely'],
    ['/v1/orders2', '/v1/orders', 'never'], ['/v1/order', '/v1/orders', 'never'], ['/v1', '/v1/orders', 'never'], ['/', '/v1', 'never'],
    ['/x/v1/orders', '/v1/orders', 'never'], ['/v1/orders', '/orders', 'never'],
    ['/.well-known/x', '/.well-known', 'surely'], ['/a.b,c=d:e@f', '/a.b,c=d:e@f', 'surely'], ['/~alice/x', '/~alice', 'surely'],
    ['/gr%C3%B6%c3%9fe/x', '/größe', 'surely'], ['/gr\xc3\xb6\xc3\x9fe', '/größe', 'surely'], ['/gr%C3%B6%C3%9Fe', '/gr%c3%b6%C3%9Fe', 'surely'],
    ['/a%20b/c', '/a b', 'surely'], ['/%7Bid%7D', '/{id}', 'surely'], ['/größe', '/größe', 'maybe']
  ] as const) t.equal(below(path, prefix), expected, `${path} ${prefix}`)
})

t.test('a path that origins read in several ways: no rule that allows holds what only some read, and one that denies holds what any does', async t => {
  for (const [path, prefix, expected] of [
    // Octets that need no encoding.
    ['/%61dmin', '/admin', 'maybe'], ['/admin/%75sers', '/admin', 'surely'], ['/%61dmin', '/other', 'never'],
    // Dot segments, in all spellings.
    ['/a/../admin', '/admin', 'maybe'], ['/a/../admin', '/a', 'maybe'], ['/a/../admin', '/', 'maybe'], ['/a/%2e%2E/admin', '/admin', 'maybe'], ['/a/.%2e/admin', '/admin', 'maybe'],
    ['/a/./admin', '/a/admin', 'maybe'], ['/a/..', '/a', 'maybe'], ['/a/..;x=1/admin', '/admin', 'maybe'], ['/a/%252e%252e/admin', '/admin', 'maybe'],
    ['/a/b/../../admin/x', '/admin', 'maybe'], ['/a/c/../b', '/a/b', 'maybe'], ['/a/.. /admin', '/admin', 'maybe'], ['/a/..%00/admin', '/admin', 'maybe'], ['/a/.../b', '/a', 'maybe'],
    ['/a/..%2fadmin', '/admin', 'maybe'], ['/a\\..\\admin', '/admin', 'maybe'], ['/a/%ef%bc%8e%ef%bc%8e/admin', '/admin', 'maybe'], ['/a/../b', '/admin', 'never'], ['/a?/../admin', '/admin', 'never'],
    // Slashes and backslashes.
    ['/@scope%2fname', '/@scope', 'maybe'], ['/@scope%2fname', '/', 'surely'], ['/npm/@scope%2fname', '/npm', 'surely'], ['/a%2fadmin', '/admin', 'never'], ['/a%5Cb', '/a/b', 'maybe'], ['/a\\b', '/a/b', 'maybe'],
    ['/a\\b', '/a', 'maybe'], ['/a%252fb', '/a/b', 'maybe'], ['/a%25252fb', '/a/b', 'maybe'], ['/a%2525252fb', '/a/b', 'maybe'], ['/a%2525252fb', '/x', 'never'], ['/a%252525252fb', '/x', 'maybe'], ['/a%e2%88%95b', '/a/b', 'maybe'], ['/a%ef%bc%8fb', '/a/b', 'maybe'],
    ['/a//b', '/a/b', 'maybe'], ['/a//b', '/a', 'surely'], ['/a//', '/a', 'surely'],
    // Parameters and other ends of a segment.
    ['/admin;x=1', '/admin', 'maybe'], ['/admin;x/users', '/admin/users', 'maybe'], ['/a;p=%2Fq/b', '/a/b', 'maybe'], ['/admin%3Bx', '/admin', 'maybe'], ['/admin%3fx', '/admin', 'maybe'],
    ['/admin%23x', '/admin', 'maybe'], ['/admin%00.png', '/admin', 'maybe'], ['/a/b;x', '/a', 'surely'],
    // Letters, and what some file systems leave out.
    ['/ADMIN/x', '/admin', 'maybe'], ['/admin', '/Admin', 'maybe'], ['/admin.', '/admin', 'maybe'], ['/admin%20', '/admin', 'maybe'], ['/admin::$DATA', '/admin', 'maybe'], ['/admin:$i30:$INDEX_ALLOCATION/x', '/admin', 'maybe'],
    ['/admin+', '/admin', 'maybe'], ['/%20admin', '/admin', 'maybe'], ['/v1/projects:search', '/v1/projects', 'never'], ['/%ef%bd%81dmin', '/admin', 'maybe'], ['/gro%CC%88%C3%9Fe', '/größe', 'maybe'],
    // All that differs in case for one origin or other.
    ['/%CE%BF%CE%B4%CE%BF%CF%83', '/ΟΔΟΣ', 'maybe'], ['/%CE%9F%CE%94%CE%9F%CE%A3', '/οδος', 'maybe'], ['/stra%C3%9Fe', '/STRASSE', 'maybe'], ['/adm%C4%B1n', '/ADMIN', 'maybe'],
    // What some overlook, wherever it is.
    ['/ad%09min', '/admin', 'maybe'], ['/ad%E2%80%8Cmin', '/admin', 'maybe'], ['/a/.%E2%80%8B./admin', '/admin', 'maybe'], ['/admin%C2%85', '/admin', 'maybe'], ['/%E2%80%A8admin', '/admin', 'maybe'],
    ['/%09/admin', '/x', 'maybe'], ['/ad%E2%80%8Cmin', '/ad', 'never'],
    // Backslashes of smaller sets of chars.
    ['/a%C2%A5b', '/a/b', 'maybe'], ['/a/..%E2%82%A9admin', '/admin', 'maybe'],
    // What may be anything.
    ['/a/%25u002e%25u002e/admin', '/x', 'maybe'], ['/%25u0061', '/', 'maybe'],
    ['//admin', '/x', 'maybe'], ['/%2fadmin', '/x', 'maybe'], ['/\\admin', '/x', 'maybe'], ['/%5cx', '/', 'maybe'], ['/a%c0%afb', '/x', 'maybe'], ['/%u0061', '/x', 'maybe'], ['/%', '/x', 'maybe'], ['/a%2', '/', 'maybe'], ['/\xff', '/x', 'maybe'],
    ['/%25c0%25af', '/x', 'maybe'], ['/%2525252541', '/x', 'maybe'], ['/%ef%bc%8541', '/x', 'maybe'], ['/\u0100', '/x', 'maybe'], ['*', '/', 'maybe'], ['', '/', 'maybe'], ['a/b', '/', 'maybe'], ['http://x/a', '/', 'maybe'], ['?/a', '/', 'maybe'],
    // A percent sign is one.
    ['/100%25', '/', 'surely'], ['/100%25', '/x', 'never'], ['/100%25/x', '/100', 'never']
  ] as const) t.equal(below(path, prefix), expected, `${path} ${prefix}`)
})

t.test('a prefix that origins could read in several ways, or no path: it is none', async t => {
  for (const text of [
    '', 'v1', '*', '//', '/a//b', '/a/../b', '/.', '/a/..', '/a%2fb', '/a%5cb', '/a\\b', '/a;b', '/a?b', '/a#b', '/%61', '/%', '/a%25', '/+', '/ a/ ', '/\ud800', '/ﬁ', '/%ff', '/a\0', '/::$DATA'
  ]) t.equal(readPrefix(text), null, JSON.stringify(text))
})

/** What an origin does with a path, one step after the other. */
const once = (text: string) => text.replace(/%[\da-f]{2}/gi, octet => String.fromCharCode(parseInt(octet.slice(1), 16)))
const STEPS: Record<string, (text: string) => string> = {
  decode: once,
  'decode again': once,
  'backslashes are slashes': text => text.replaceAll('\\', '/'),
  'parameters are left out': text => text.replace(/;[^/]*/g, ''),
  'slashes are merged': text => text.replace(/\/+/g, '/'),
  'dot segments are resolved': text => {
    const left: string[] = []
    for (const segment of text.split('/')) {
      if (segment === '..') left.pop()
      else if (segment !== '.') left.push(segment)
    }
    return left.join('/')
  },
  'letters have no case': text => text.toLowerCase(),
  'ends at NUL': text => text.split('\0')[0]!,
  'ends at a question mark': text => text.split('?')[0]!
}

t.test('any path, and any origin: the origin agrees to what is sure, and what it reads is possible', async t => {
  const segment = fc.stringMatching(/^(?:a|b|A|\.|\.\.|%2[eE]|%61|%2f|%5c|%252e|%252f|;|%3b|\\|\/|%00|%3f|x){0,5}$/)
  const paths = fc.array(segment, { minLength: 1, maxLength: 5 }).map(segments => `/${segments.join('/')}`)
  const prefixes = fc.constantFrom('/', '/a', '/b', '/a/b', '/a/a', '/b/a/b')
  fc.assert(fc.property(paths, prefixes, fc.shuffledSubarray(Object.keys(STEPS)), (path, prefix, steps) => {
    const read = steps.reduce((text, step) => STEPS[step]!(text), path)
    const segments = (text: string) => text.split('/').filter(segment => segment !== '')
    // `//` at the start may be an authority: then no rule that allows holds it, which is all that can be said.
    const [found, wanted] = [read.startsWith('/') ? read.split('/').slice(1) : segments(read), segments(prefix)]
    const same = (one: string | undefined, other: string) => one === other || (steps.includes('letters have no case') && one === other.toLowerCase())
    const isBelow = wanted.every((segment, index) => same(found[index], segment))
    if (isSurelyBelow(readPath(path), readPrefix(prefix)!)) t.ok(isBelow, `${path} ${prefix}: ${steps.join(', ')}`)
    if (isBelow) t.ok(isMaybeBelow(readPath(path), readPrefix(prefix)!), `${path} ${prefix}: ${steps.join(', ')}`)
  }), { numRuns: 3000 })
})

t.test('a path of half a MiB that is made to be slow: it is read, in time', async t => {
  for (const part of ['.', '%2e', '%20', ' ', '%25', 'a/', '../', ':$', ';', '%c3%b6']) {
    const { reading } = readPath(`/${part.repeat(500_000 / part.length)}x`)
    t.ok(reading, part)
  }
})

t.test('paths that climb, and thousands of prefixes: no comparison goes through the whole path', async t => {
  for (const path of [`/${'a/'.repeat(8000)}../b`, `/${'a/'.repeat(8000)};/b`]) {
    const read = readPath(path)
    let looked = 0
    const possible = new Proxy(read.possible, { get: (list, name) => { looked++; return Reflect.get(list, name) as unknown } })
    for (let number = 0; number < 1000; number++) isMaybeBelow({ ...read, possible }, readPrefix(`/a/a/b${number}`)!)
    t.ok(looked < 1000, `${looked}`)
  }
  const [order, mixed] = [readPath('/a/b/a/c/../b'), readPath('/../c/b/b')]
  for (const [path, prefix, expected] of [
    [order, '/', true], [order, '/a/a/b', true], [order, '/b/b', true], [order, '/a/b/c/b', true], [order, '/c/a', false], [order, '/a/a/a', false], [order, '/d', false], [order, '/a/b/d', false],
    [mixed, '/b/c', false], [mixed, '/c/b/b', true], [mixed, '/c/b/b/b', false]
  ] as const) t.equal(isMaybeBelow(path, readPrefix(prefix)!), expected, prefix)
})
