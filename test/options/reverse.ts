import t from 'tap'
import { readIdentities, readReverse, readRouteParents } from '../../lib/options/reverse.js'
import { readParents } from '../../lib/policy/parent/read-parents.js'
import { CANARY, refusesOption } from '../fixtures/bad-option.js'

const upstream = 'http://origin.test'

t.test('reverse routes: they stay as they are given', async t => {
  const given = [
    { upstream }, { upstream: [upstream], status: 401 }, { replyOptions: { getUpstream: () => upstream }, anonymous: true },
    { upstream, strategies: [{ strategy: 'jwt', scheme: 'Bearer' }], status: 407, anonymous: false, maxResponseHead: 1024 }
  ]
  const routes = readReverse(given as never)
  t.same(routes, given)
  given.pop()
  t.equal(routes.length, 4, 'nothing changes afterwards')
  t.ok(Object.isFrozen(routes))
})

t.test('a wrong value in a reverse route: it is refused with the name of the option', async t => {
  for (const [option, given, got] of [
    ['reverse', { prefix: '/' }, 'object'],
    ['reverse[0]', [null], 'null'],
    ['reverse[1].upstream', [{ upstream }, {}], 'undefined'],
    ['reverse[0].upstream', [{ replyOptions: {} }], 'undefined'],
    ['reverse[0].status', [{ upstream, status: 403 }], 'number'],
    ['reverse[0].strategies', [{ upstream, strategies: [] }], 'a list'],
    ['reverse[0].anonymous', [{ upstream, anonymous: 'yes' }], 'string'],
    ['reverse[0].maxResponseHead', [{ upstream, maxResponseHead: 0 }], 'another number'],
    ['reverse[0].forwarded', [{ upstream, forwarded: 'false' }], 'string']
  ] as const) refusesOption(t, () => readReverse(given as never), option, got)
})

t.test('a misspelt name inside a route: the message says which name is meant (F-35)', async t => {
  for (const [given, meant] of [
    ['rewritPrefix', 'rewritePrefix'], ['httpMethod', 'httpMethods'], ['Status', 'status'], ['anonymos', 'anonymous'], ['wsUpstrem', 'wsUpstream'], ['sessionTimeot', 'sessionTimeout']
  ] as const) {
    t.throws(() => readReverse([{ upstream, [given]: 'canary' }]), { message: `unknown option "reverse[0].${given}"; did you mean "reverse[0].${meant}"?` })
  }
})

t.test('an upstream that cannot be sent to: its value is not shown (F-35)', async t => {
  const all = { http2: true, rewritePrefix: '/', undici: {}, logLevel: 'warn', websocket: true, wsHooks: {} }
  for (const good of ['http://127.0.0.1:3000', 'https://origin.test/base', 'HTTP://origin.test', 'unix+http://%2Frun%2Fapp.sock']) {
    t.equal(readReverse([{ ...all, upstream: good } as never]).length, 1, good)
  }
  t.equal(readReverse([{ upstream: '', replyOptions: { getUpstream: () => upstream } }]).length, 1)
  for (const [bad, got] of [
    ['127.0.0.1:3000', 'text that begins with neither'], ['localhost:3000', 'text that begins with neither'], ['ftp://canary@origin.test', 'text that begins with neither'],
    ['', 'text that begins with neither'], ['http://canary:x@origin.test:99999', 'text that is no URL'], ['https://', 'text that begins with neither'], [[], 'a list'], [[upstream, 7], 'number'],
    [[upstream, 'canary'], 'text that begins with neither']
  ] as const) refusesOption(t, () => readReverse([{ upstream: bad } as never]), 'reverse[0].upstream', got)
})

t.test('the identity field of each upstream: it is its own, the common one, or none', async t => {
  const { identities, identityFields } = readIdentities({ header: 'X-User' }, [
    { upstream }, { upstream, identity: { header: 'x-name' } }, { upstream, identity: false }
  ])
  t.same(identities.map(({ own }) => own?.name), ['x-user', 'x-name', undefined])
  t.same(identityFields.map(({ name }) => name), ['x-user', 'x-name'])
  for (const { all } of identities) t.equal(all, identityFields)
  t.same(readIdentities(undefined, [{ upstream }]), { identities: [{ own: null, all: [] }], identityFields: [] })
  t.throws(() => readIdentities({ header: 'host' }, []), { message: /identity\.header/ })
  t.throws(() => readIdentities(undefined, [{ upstream, identity: { header: '' } }]), { message: /reverse\[0\]\.identity\.header/ })
})

t.test('the parents of each route: are its own, those of the forward proxy by their names, or none', async t => {
  const forward = readParents([{ url: 'http://a.test', name: 'a' }], 'forward.parents')
  const [none, named, own, environment] = readRouteParents([
    { upstream }, { upstream, parents: ['a'] }, { upstream, parents: [{ url: 'http://b.test' }, 'direct'] }, { upstream, parents: 'environment' }
  ], forward)
  t.equal(none, undefined)
  t.strictSame(named!.all, forward.all)
  t.strictSame(own!.all.map(({ name }) => name), ['b.test:80'])
  t.ok(environment)
  refusesOption(t, () => readRouteParents([{ upstream }, { upstream, parents: [CANARY] }], forward), 'reverse[1].parents[0]', 'other text')
  refusesOption(t, () => readRouteParents([{ upstream, parents: ['a'] }], undefined), 'reverse[0].parents[0]', 'other text')
})
