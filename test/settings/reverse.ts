import t from 'tap'
import { readIdentities, readReverse } from '../../lib/settings/reverse.js'
import { refusesOption } from '../fixtures/bad-option.js'

const upstream = 'http://origin.test'

t.test('routes stay as they are', async t => {
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

t.test('what is wrong', async t => {
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

t.test('who tells what to which upstream', async t => {
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
