import t from 'tap'
import type { FieldRecord } from '../../../lib/fields/hop-by-hop.js'
import { listOf, recordOf } from '../../../lib/fields/raw-list.js'
import { IdentityField, NO_IDENTITY, tellIdentity } from '../../../lib/proxy/message/identity-field.js'
import type { IdentityOptions, RouteIdentity } from '../../../lib/proxy/message/identity-field.js'

const field = (options: Partial<IdentityOptions> = {}) => new IdentityField({ header: 'X-Proxy-User', ...options }, 'identity')
const request = (name: string | null = 'alice') => ({ proxyAuth: name === null ? null : { user: { mail: 'a@x' }, name } }) as never
const told = (route: RouteIdentity, head: FieldRecord = {}, name: string | null = 'alice'): FieldRecord => {
  return { ...recordOf(tellIdentity(listOf(head), request(name), route)) }
}
const routeOf = (own: IdentityField): RouteIdentity => ({ own, all: [own] })
const valueOf = (name: string): unknown => told(routeOf(field()), {}, name)['x-proxy-user']

t.test('a request of a user: the upstream is told the name', async t => {
  t.same(told(routeOf(field()), { accept: '*/*' }), { accept: '*/*', 'x-proxy-user': 'alice' })
  t.same(told(routeOf(field()), {}, null), {}, 'of nobody, nothing')
  t.same(told(NO_IDENTITY, { 'x-proxy-user': 'mallory' }), { 'x-proxy-user': 'mallory' }, 'without the option it is a field like any other')
})

t.test('a field of the client that could be taken for the identity, in any spelling: it is removed (S24)', async t => {
  const head = { 'X-PROXY-USER': 'a', x_proxy_user: 'b', 'x_Proxy-user': 'c', 'x.proxy~user': 'd', 'x-proxy-user': ['e', 'f'], 'x-proxy-users': 'g', 'y-proxy-user': 'h' }
  t.same(told(routeOf(field()), { ...head }), { 'x-proxy-users': 'g', 'y-proxy-user': 'h', 'x-proxy-user': 'alice' })
  t.same(told(routeOf(field()), { x_proxy_user: 'b' }, null), {})
  const other = field({ header: 'x-other' })
  t.same(told({ own: null, all: [other] }, { X_Other: 'a' }), {}, 'where the upstream is not told, either')
  t.same(told({ own: field(), all: [field(), other] }, { 'x-other': 'a' }), { 'x-proxy-user': 'alice' })
})

t.test('a name with unusual characters: it goes out reversibly encoded, or nowhere with a control character (R-SEC-5)', async t => {
  const names = ['alice', 'cn=Alice Liddell,dc=example', 'a%20b', 'Jäsøn', ' alice', 'alice  ', '日本', '😀', 'a"b\\c']
  t.same(names.map(valueOf), [
    'alice', 'cn=Alice Liddell,dc=example', 'a%2520b', 'J%C3%A4s%C3%B8n', '%20alice', 'alice%20%20', '%E6%97%A5%E6%9C%AC', '%F0%9F%98%80', 'a"b\\c'
  ])
  t.same(names.map(name => decodeURIComponent(String(valueOf(name)))), names)
  for (const name of ['a\r\nX-Admin: 1', 'a\n', '\0', 'a\tb', 'a\x7f', 'a\x85', '\ud800']) {
    t.throws(() => valueOf(name), { code: 'FST_PROXY_AUTH_IDENTITY_FAILED', statusCode: 500, message: /^(?!.*Admin)/ })
  }
})

t.test('a function for the value in the options: its result goes out, and a wrong one is a failure', async t => {
  const by = (value: (...given: any[]) => unknown) => told(routeOf(field({ value: value as never })))['x-proxy-user']
  t.equal(by(({ user, name }) => `${name} ${user.mail}`), 'alice a@x')
  t.equal(by(() => ''), undefined)
  for (const wrong of ['a\r\nb', 'ä', ' a', 'a ', 'a\tb', 7, null, undefined, Promise.resolve('alice')]) {
    t.throws(() => by(() => wrong), { code: 'FST_PROXY_AUTH_IDENTITY_FAILED' }, String(wrong))
  }
  const cause = new Error('no mail')
  t.throws(() => by(() => { throw cause }), { code: 'FST_PROXY_AUTH_IDENTITY_FAILED', cause })
})

t.test('a function for the value: it is asked once for a request', async t => {
  let asked = 0
  const own = field({ value: () => `${++asked}` })
  const one = request()
  t.equal(own.settle(one), '1')
  t.same(tellIdentity([], one, routeOf(own)), ['x-proxy-user', '1'])
  t.equal(own.settle(request()), '2')
})

t.test('a name that HTTP has a use for: the message says so (F-35)', async t => {
  t.throws(() => new IdentityField({ header: 'Authorization' }, 'identity'), { message: /got 'authorization', which has a meaning of its own/ })
})

t.test('a wrong option: it is refused, and the error names it', async t => {
  const wrong: Array<[string, unknown]> = [
    ['identity', null], ['identity', 'x'], ['identity', []], ['identity.headers', { headers: 'x' }], ['identity.header', {}], ['identity.header', { header: 7 }],
    ...['', 'x_user', 'x user', 'x:', 'Host', 'Authorization', 'cookie', 'Connection', 'proxy-authorization', 'X-Forwarded-For', 'via', 'content-length', 'Expect']
      .map((header): [string, unknown] => ['identity.header', { header }]),
    ['identity.value', { header: 'x-user', value: 'name' }]
  ]
  for (const [option, options] of wrong) {
    t.throws(() => new IdentityField(options as never, 'identity'), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: new RegExp(`^option ${option} must|^unknown option "${option}"`) }, JSON.stringify(options))
  }
})
