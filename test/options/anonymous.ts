import t from 'tap'
import { readAnonymous } from '../../lib/options/anonymous.js'
import { refusesOption } from '../fixtures/bad-option.js'

const upstream = 'http://origin.test'

t.test('anonymous access by the option or by a route: its name and its targets are read', async t => {
  t.equal(readAnonymous(undefined, [{ upstream }]), undefined)
  t.equal(readAnonymous(undefined, [{ upstream }, { upstream, anonymous: true }])?.name, 'anonymous')
  t.equal(readAnonymous({}, [])?.to.matchName('a.test', 80), null)
  const { name, to } = readAnonymous({ to: ['*.test'], name: 'guest' }, [])!
  t.same([name, to.matchName('a.test', 8080)], ['guest', 'host'])
})

t.test('a wrong value in anonymous: it is refused with the name of the option', async t => {
  for (const [option, given, got] of [
    ['anonymous', true, 'boolean'],
    ['anonymous.tos', { tos: [] }, 'it'],
    ['anonymous.to', { to: '*' }, 'string'],
    ['anonymous.name', { name: '' }, 'string'],
    ['anonymous.name', { name: 7 }, 'number']
  ] as const) refusesOption(t, () => readAnonymous(given as never, []), option, got)
  t.throws(() => readAnonymous({ to: ['a b'] }, []), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option anonymous\.to\[0\] must/ })
})
