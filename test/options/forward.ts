import t from 'tap'
import { readForward, readTargets } from '../../lib/options/forward.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { CANARY, refusesOption } from '../fixtures/bad-option.js'

const strategies = [new BasicStrategy({ verify: () => null })]

t.test('forward without further options: the defaults are taken', async t => {
  t.same(readForward({}), {
    policy: {},
    authorities: [],
    connectTimeout: 10_000,
    headersTimeout: 60_000,
    bodyTimeout: 300_000,
    maxResponseHead: 65_536,
    localAddress: undefined,
    tls: undefined
  })
  t.same(readTargets(), [])
})

t.test('forward with every option: all of them are taken', async t => {
  const policy = {
    allow: ['*.example.test'],
    deny: ['a.example.test'],
    special: ['127.0.0.1:*'],
    check: () => true,
    checkTimeout: 1,
    lookup: () => {},
    dnsTimeout: 2,
    family: 4 as const
  }
  const own = {
    authorities: ['gw.test'], connectTimeout: 1, headersTimeout: 0, bodyTimeout: 2_147_483_647, maxResponseHead: 1_048_576, localAddress: '192.0.2.1', tls: { ca: 'x' }
  }
  t.same(readForward({ ...policy, ...own, strategies: [] }), { policy, ...own })
  t.same(readForward({ localAddress: '2001:db8::1' }).localAddress, '2001:db8::1')
})

t.test('forward with pac: the default paths by which browsers find the proxy are taken', async t => {
  t.same(readForward({ pac: true }).pac, { proxy: null, forwarded: false, paths: ['/proxy.pac', '/wpad.dat'] })
  t.throws(() => readForward({ pac: false as never }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('forward with parents: they are read', async t => {
  const parents = [{ url: 'http://parent.test:3128' }, 'direct' as const]
  t.strictSame(readForward({ parents }).parents?.all.map(({ name }) => name), ['parent.test:3128'])
  refusesOption(t, () => readForward({ parents: [{ url: `http://user:${CANARY}@parent.test/x` }] }), 'forward.parents[0].url', 'a URL with a path, a query, a fragment, a space or a backslash')
})

t.test('forward with strategies for some targets: they are read, and nothing changes afterwards', async t => {
  const others = [...strategies]
  const targets = readTargets([{ to: ['*.example.test'], strategies: others }])
  t.equal(targets[0]?.to.matchName('a.example.test', 1), 'host')
  t.same(targets[0]?.demand, strategies)
  others.pop()
  t.equal(targets[0]?.demand.length, 1, 'nothing changes afterwards')
  for (const part of [targets, targets[0], targets[0]?.demand]) t.ok(Object.isFrozen(part))
})

t.test('a wrong value in forward: it is refused with the name of the option', async t => {
  for (const [option, given, got] of [
    ['forward', true, 'boolean'],
    ['forward', null, 'null'],
    ['forward', [], 'a list'],
    ['forward.denny', { denny: [] }, 'it'],
    ['forward.connectTimeout', { connectTimeout: 0 }, 'another number'],
    ['forward.headersTimeout', { headersTimeout: NaN }, 'another number'],
    ['forward.bodyTimeout', { bodyTimeout: null }, 'object'],
    ['forward.maxResponseHead', { maxResponseHead: 1023 }, 'another number'],
    ['forward.maxResponseHead', { maxResponseHead: 1_048_577 }, 'another number'],
    ['forward.maxResponseHead', { maxResponseHead: '65536' }, 'string'],
    ['forward.authorities', { authorities: 'gw.test' }, 'string'],
    ['forward.localAddress', { localAddress: 7 }, 'number'],
    ['forward.localAddress', { localAddress: CANARY }, 'string'],
    ['forward.tls', { tls: CANARY }, 'string']
  ] as const) refusesOption(t, () => readForward(given as never), option, got)
  for (const [option, given, got] of [
    ['forward.strategies', {}, 'object'],
    ['forward.strategies[0]', [CANARY], 'string'],
    ['forward.strategies[0].strategies', [{ to: ['*'] }], 'undefined'],
    ['forward.strategies[1].strategies', [{ to: ['*'], strategies }, { to: ['*'], strategies: [] }], 'a list'],
    ['forward.strategies[0].to', [{ strategies }], 'undefined'],
    ['forward.strategies[0].too', [{ to: ['*'], too: [], strategies }], 'it']
  ] as const) refusesOption(t, () => readTargets(given as never), option, got)
})
