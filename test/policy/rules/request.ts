import t from 'tap'
import { askerOf, RequestReader, canonicalRoute } from '../../../lib/policy/rules/request.js'
import type { PolicyRequest } from '../../../lib/policy/rules/request.js'

const reader = new RequestReader(() => 7)
const read = (request: Partial<PolicyRequest>) => reader.read({ form: 'http', host: 'a.test', ...request })

t.test('what is left out: it is nothing, or not known', async t => {
  const { form, user, groups, scheme, anonymous, method, route, host, port, address, client, path, now } = read({})
  t.strictSame({ form, user, groups, scheme, anonymous, method, route, host, port, address, client, path, now }, {
    form: 'http', user: null, groups: [], scheme: null, anonymous: false, method: null, route: null, host: 'a.test', port: 80, address: null, client: 'unknown', path: 'unknown', now: 7
  })
})

t.test('a host: it is made canonical, and an address is read', async t => {
  for (let time = 0; time < 2; time++) {
    const { host, address, isUnresolved } = read({ host: '[::FFFF:7f00:1]' })
    t.match({ host, address, isUnresolved }, { host: '127.0.0.1', address: { family: 4, text: '127.0.0.1' }, isUnresolved: false })
    t.equal(read({ host: 'A.Test.' }).host, 'a.test')
  }
  t.equal(read({}).isUnresolved, true)
  t.equal(read({ address: '192.0.2.1' }).isUnresolved, false)
  t.equal(read({ address: 'x' }).isUnresolved, true)
  t.equal(read({ host: '127.0.0.1', address: '192.0.2.1' }).address!.text, '127.0.0.1', 'an address has no other')
})

t.test('a host or port that is none: it is refused with 400', async t => {
  for (const request of [{ host: '' }, { host: 'a b' }, { host: undefined }, { port: 0 }, { port: 65536 }, { port: 1.5 }, { port: NaN }]) {
    t.throws(() => read(request), { code: 'FST_PROXY_AUTH_BAD_TARGET', statusCode: 400 }, JSON.stringify(request))
  }
})

t.test('a route: it has neither host nor address, and no port is looked at', async t => {
  const subject = read({ form: 'reverse', route: '/api/', host: 'a b', address: '192.0.2.1', port: 0 })
  t.match(subject, { route: '/api', host: '', address: null, isUnresolved: false })
  t.equal(canonicalRoute('/'), '/')
  t.equal(canonicalRoute('/api'), '/api')
})

t.test('a client: its address is read, without the zone', async t => {
  for (let time = 0; time < 2; time++) t.match(read({ client: 'fe80::1%eth0' }).client, { family: 6, text: 'fe80::1' })
  t.match(read({ client: '::ffff:10.0.0.1' }).client, { family: 4, text: '10.0.0.1' })
  t.equal(read({ client: null }).client, 'none')
  t.equal(read({ client: 'x' }).client, 'unknown')
})

t.test('a path: it is read once, and a tunnel has none', async t => {
  const subject = read({ path: '/a?b' })
  t.match(subject.path, { certain: ['a'] })
  t.equal(subject.path, subject.path)
  t.equal(read({ form: 'connect', path: '/a' }).path, 'none')
})

t.test('a tunnel: its method is CONNECT, and its port the one of its form', async t => {
  t.match(read({ form: 'connect' }), { method: 'CONNECT', port: 443 })
  t.match(read({ form: 'websocket', method: 'GET', scheme: 'DiGest' }), { method: 'GET', port: 443, scheme: 'digest' })
})

t.test('names of users and groups in another form of Unicode: they are the ones of the rules', async t => {
  const [user, group] = ['Zoë', 'Équipe'].map(text => text.normalize('NFD')) as [string, string]
  t.match(read({ user, groups: ['ci', group] }), { user: 'Zoë', groups: ['ci', 'Équipe'] })
  const groups = ['ci', 'ops']
  t.equal(read({ user: 'alice', groups }).groups, groups)
})

t.test('a clock that goes on while a request is compared: it is one time', async t => {
  let time = 0
  const subject = new RequestReader(() => time++).read({ form: 'connect', host: 'a.test' })
  t.equal(subject.now, subject.now)
})

t.test('clients without an address, by any text: none of it is kept', async t => {
  const own = new RequestReader(() => 7)
  const kept = (own as unknown as { clients: { values: Map<string, unknown> } }).clients.values
  for (const client of ['x'.repeat(16_000), '%'.repeat(16_000), '']) t.equal(own.read({ form: 'connect', host: 'a.test', client }).client, 'unknown')
  t.equal(kept.size, 0)
  t.match(own.read({ form: 'connect', host: 'a.test', client: '192.0.2.1' }).client, { text: '192.0.2.1' })
  t.equal(kept.size, 1)
})

t.test('the forms that a request may be as well: those of an upgrade that is overlooked, on no reverse route', async t => {
  const maybe = (request: Partial<PolicyRequest>) => read(request).maybe
  t.strictSame(maybe({}), [])
  t.strictSame(maybe({ form: 'websocket' }), ['http', 'https'])
  t.strictSame(maybe({ form: 'websocket', upgradeOf: 'http' }), ['http'])
  t.strictSame(maybe({ form: 'websocket', route: '/api' }), [])
})

t.test('an identity: who asks is its name, groups and scheme, and whether it stands for no credentials', async t => {
  const identity = { name: 'alice', user: {}, info: undefined, scheme: 'Basic', realm: 'R' }
  t.strictSame(askerOf(identity, ['ci']), { user: 'alice', groups: ['ci'], scheme: 'Basic', anonymous: false })
  t.strictSame(askerOf({ ...identity, scheme: null, info: { anonymous: true } }, []), { user: 'alice', groups: [], scheme: null, anonymous: true })
  t.equal(askerOf({ ...identity, info: { anonymous: 'true' } }, []).anonymous, false)
})
