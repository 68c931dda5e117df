import t from 'tap'
import { DIRECT, isFor, isForAll, isForUser, readParent } from '../../../lib/policy/parent/entry.js'
import type { Parent } from '../../../lib/policy/parent/parent.js'
import type { ParentOptions } from '../../../lib/policy/parent/parent-options.js'
import type { TargetScheme } from '../../../lib/policy/target/check.js'
import type { ProxyIdentity } from '../../../lib/types.js'
import { CANARY, refusesOption } from '../../fixtures/bad-option.js'

const url = 'http://parent.test:3128'
const identity = (name: string): ProxyIdentity => ({ name, user: {}, info: undefined, scheme: 'Basic', realm: 'Gateway' })
const read = (options: Partial<ParentOptions>) => readParent({ url, ...options }, 'parents[0]')
const parentOf = (options: Partial<ParentOptions>) => read(options).hop as Parent
const target = (host: string, port = 443, scheme: TargetScheme = 'connect') => ({ host, port, scheme })

t.test('a parent with nothing but its URL: the defaults are taken, and it is for everything', async t => {
  const { hop, ...conditions } = read({})
  t.strictSame(hop, {
    name: 'parent.test:3128', protocol: 'http', host: 'parent.test', port: 3128, tls: undefined, credentials: null, scheme: null, passthrough: false, resolve: 'parent'
  })
  t.strictSame(conditions, { to: null, except: null, users: null, schemes: null })
  for (const part of [read({}), hop, DIRECT]) t.ok(Object.isFrozen(part))
})

t.test('a parent with all that can be said: all of it is taken', async t => {
  const tls = { ca: 'x' }
  const parent = parentOf({ url: 'https://parent.test', name: 'up stream "1"', passthrough: true, resolve: 'local', tls })
  t.strictSame(parent, { name: 'up stream "1"', protocol: 'https', host: 'parent.test', port: 443, tls, credentials: null, scheme: null, passthrough: true, resolve: 'local' })
  const basic = { scheme: 'Basic' as const, username: 'u', password: 'p' }
  t.strictSame(parentOf({ credentials: basic }).credentials!(identity('alice')), basic)
  t.strictSame([parentOf({ credentials: basic }), parentOf({ url: 'http://u:p@a.test' }), parentOf({ credentials: () => basic })].map(({ scheme }) => scheme), ['Basic', 'Basic', null])
  t.strictSame(parentOf({ credentials: ({ name }) => ({ ...basic, username: name }) }).credentials!(identity('alice')), { ...basic, username: 'alice' })
})

t.test('userinfo in the URL: is the account for Basic', async t => {
  const parent = parentOf({ url: 'http://j%C3%B6rg:p%40ss@parent.test:3128' })
  t.strictSame(parent.credentials!(identity('alice')), { scheme: 'Basic', username: 'jörg', password: 'p@ss' })
  t.equal(parent.name, 'parent.test:3128')
  t.strictSame(parentOf({ url: 'socks5://u:p@parent.test' }).credentials!(identity('alice')), { scheme: 'Basic', username: 'u', password: 'p' })
})

t.test('the name of a parent: is its host and port, unless another is given', async t => {
  t.equal(parentOf({ url: 'socks5://[::1]' }).name, '[::1]:1080')
  for (const name of ['a', 'a b', '~'.repeat(255)]) t.equal(parentOf({ name }).name, name)
})

t.test('socks5h: the parent resolves, and nothing else can be said', async t => {
  t.equal(parentOf({ url: 'socks5h://parent.test' }).resolve, 'parent')
  t.equal(parentOf({ url: 'socks5h://parent.test', resolve: 'parent' }).resolve, 'parent')
  t.equal(parentOf({ url: 'socks5://parent.test', resolve: 'local' }).resolve, 'local')
  refusesOption(t, () => read({ url: 'socks5h://parent.test', resolve: 'local' }), 'parents[0].resolve', "'local'")
})

t.test('the way without a parent: may have conditions, and nothing else', async t => {
  const entry = read({ url: 'direct', to: ['*.internal.test'], users: ['alice'] })
  t.equal(entry.hop, 'direct')
  t.ok(isFor(entry, target('a.internal.test')))
  t.notOk(isFor(entry, target('a.test')))
  t.notOk(isForUser(entry, identity('bob')))
  for (const name of ['name', 'credentials', 'passthrough', 'resolve', 'tls']) refusesOption(t, () => read({ url: 'direct', [name]: CANARY }), `parents[0].${name}`, 'it')
})

t.test('a wrong parent: the error names the option, never the value', async t => {
  const withPassword = `http://user:${CANARY}@parent.test`
  const credentials = { scheme: 'Basic', username: 'u', password: CANARY }
  for (const [name, given, got] of [
    ['url', { url: undefined }, 'undefined'],
    ['url', { url: `${withPassword}/x` }, 'a URL with a path, a query, a fragment, a space or a backslash'],
    ['url.username', { url: `http://a%3A${CANARY}@parent.test` }, 'one with it'],
    ['url.password', { url: `http://user:${CANARY}%0A@parent.test` }, 'other text'],
    ['url.password', { url: 'socks5://user@parent.test' }, 'empty text'],
    ['urls', { urls: [] }, 'it'],
    ['name', { name: '' }, 'other text'],
    ['name', { name: 7 }, 'number'],
    ['name', { name: `${CANARY}\n` }, 'other text'],
    ['name', { name: ` ${CANARY}` }, 'other text'],
    ['name', { name: 'ü' }, 'other text'],
    ['name', { name: 'x'.repeat(256) }, 'other text'],
    ['name', { name: 'direct' }, "'direct'"],
    ['to', { to: [] }, 'a list'],
    ['to', { to: CANARY }, 'string'],
    ['to[1]', { to: ['a.test', 'a/'] }, 'a string with a CIDR of no address'],
    ['except', { except: [] }, 'a list'],
    ['except[0]', { except: [7] }, 'number'],
    ['users', { users: [] }, 'a list'],
    ['users', { users: CANARY }, 'string'],
    ['users[1]', { users: ['alice', 7] }, 'number'],
    ['credentials', { credentials: CANARY }, 'string'],
    ['credentials.scheme', { credentials: {} }, 'undefined'],
    ['credentials', { credentials, url: withPassword }, 'object'],
    ['credentials', { credentials, passthrough: true }, 'object'],
    ['passthrough', { passthrough: 'yes' }, 'string'],
    ['passthrough', { passthrough: true, url: withPassword }, 'true'],
    ['passthrough', { passthrough: true, url: 'socks5://parent.test' }, 'true'],
    ['resolve', { resolve: 'both' }, 'string'],
    ['tls', { tls: CANARY, url: 'https://parent.test' }, 'string'],
    ['tls', { tls: { ca: CANARY } }, 'object']
  ] as const) refusesOption(t, () => read(given as never), `parents[0].${name}`, got)
  refusesOption(t, () => readParent(CANARY as never, 'parents[0]'), 'parents[0]', 'string')
})

t.test('an entry without conditions: is for every target', async t => {
  t.ok(isForAll(DIRECT))
  t.ok(isForAll(read({ users: ['alice'] })))
  t.ok(isFor(DIRECT, target('a.test')))
  t.notOk(isForAll(read({ to: ['*'] })))
  t.notOk(isForAll(read({ except: ['*'] })))
  t.notOk(isForAll({ ...DIRECT, schemes: ['http'] }))
})

t.test('an entry with to and except: is for the targets that the one holds and the other does not', async t => {
  const entry = read({ to: ['*.example.test', 'a.test:8443', '192.0.2.0/24'], except: ['*.internal.example.test', '192.0.2.7', '*:25'] })
  for (const [host, port, expected] of [
    ['www.example.test', 443, true],
    ['WWW.Example.Test.', 1, true],
    ['www.example.test', 25, false],
    ['www.internal.example.test', 443, false],
    ['example.test', 443, false],
    ['a.test', 8443, true],
    ['a.test', 443, false],
    ['192.0.2.1', 80, true],
    ['::ffff:192.0.2.1', 80, true],
    ['192.0.2.7', 80, false],
    ['2001:db8::1', 80, false]
  ] as const) t.equal(isFor(entry, target(host, port)), expected, `${host}:${port}`)
  t.ok(isFor(read({ except: ['a.test'] }), target('b.test')))
  t.notOk(isFor(read({ except: ['a.test'] }), target('a.test')))
})

t.test('an entry for some schemes: is for no other', async t => {
  const entry = { ...DIRECT, schemes: ['http'] as const }
  t.ok(isFor(entry, target('a.test', 80, 'http')))
  t.notOk(isFor(entry, target('a.test', 80, 'connect')))
})

t.test('an entry for some users: is for those names alone', async t => {
  const entry = read({ users: ['alice', 'bob'] })
  t.ok(isForUser(entry, identity('bob')))
  t.notOk(isForUser(entry, identity('Bob')))
  t.ok(isForUser(DIRECT, identity('carol')))
})
