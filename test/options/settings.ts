import t from 'tap'
import type { ProxyAuthOptions } from '../../lib/options/options.js'
import { readSettings } from '../../lib/options/settings.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { CANARY, refusesOption } from '../fixtures/bad-option.js'
import { fakeRedis } from '../fixtures/fake-redis.js'

const strategies = [new BasicStrategy({ verify: () => null })]
const least: ProxyAuthOptions = { realm: 'Gateway', strategies }

t.test('options with nothing but the least: the defaults are taken', async t => {
  const { pseudonym, pages, ...settings } = readSettings(least)
  t.equal(pages.lang, 'en')
  t.same(settings, {
    realm: 'Gateway',
    strategies,
    passport: undefined,
    hook: 'preHandler',
    principal: undefined,
    reverse: [],
    routeParents: [],
    identities: [],
    identityFields: [],
    forward: undefined,
    targets: [],
    connectionBound: undefined,
    anonymous: undefined,
    attempts: undefined,
    limits: undefined,
    redis: undefined,
    status: undefined,
    tunnels: { keepAliveAfter407: 'always', reasonPhrases: {}, idleTimeout: 600_000, maxDuration: 0 },
    authInt: {
      maxRequest: 16_777_216, maxKept: 268_435_456, maxPerAddress: 67_108_864, maxAnswer: 65_536, contentTimeout: 60_000, contentDuration: 300_000
    },
    verifiers: { concurrency: 32, queue: 1000 },
    cleartext: 'warn',
    log: { paths: false },
    tracing: { wanted: 'maybe', users: false },
    unused: [],
    strategyTimeout: 10_000,
    drainTimeout: 10_000
  })
  t.match(pseudonym, /^gateway-[0-9a-f]{12}$/)
  t.not(readSettings(least).pseudonym, pseudonym, 'another one each time (R-VIA-3)')
})

t.test('options with everything that can be said: all of it is taken', async t => {
  const passport = { strategy: () => {} }
  const principal = () => 'alice'
  const reverse = [{ prefix: '/api', upstream: 'http://origin.test' }]
  const lookup = () => {}
  const forward = {
    allow: ['*.example.test'],
    deny: ['a.example.test'],
    special: ['127.0.0.1:*'],
    check: () => true,
    checkTimeout: 1,
    lookup,
    dnsTimeout: 2,
    family: 4 as const
  }
  const others = [new BasicStrategy({ verify: () => null, realm: 'Other' })]
  const { reverse: routes, routeParents, targets, identities, pages, ...settings } = readSettings({
    ...least,
    passport,
    principal,
    reverse,
    hook: 'onRequest',
    cleartext: 'refuse',
    tracing: { users: true },
    log: { paths: true },
    via: 'edge',
    strategyTimeout: 1,
    drainTimeout: 0,
    forward: {
      ...forward,
      connectTimeout: 1,
      headersTimeout: 0,
      bodyTimeout: 2_147_483_647,
      maxResponseHead: 1024,
      localAddress: '192.0.2.1',
      tls: { ca: 'x' },
      authorities: ['gw.test'],
      strategies: [{ to: ['*.example.test'], strategies: others }]
    },
    connect: { keepAliveAfter407: 'handshake', idleTimeout: 0, maxDuration: 5 },
    connectionBound: { handshakeTimeout: 1, maxHandshakes: 1, maxPerAddress: 1 },
    authInt: { maxRequest: 1, maxKept: 2, maxPerAddress: 5, maxAnswer: 3, contentTimeout: 4, contentDuration: 6 },
    verifiers: { concurrency: 1, queue: 0 },
    pages: { 407: { title: 'Who?' } },
    status: { listen: { port: 3129 } }
  } as unknown as ProxyAuthOptions)
  t.same(settings, {
    realm: 'Gateway',
    strategies,
    passport,
    hook: 'onRequest',
    principal,
    identityFields: [],
    forward: {
      policy: forward,
      authorities: ['gw.test'],
      connectTimeout: 1,
      headersTimeout: 0,
      bodyTimeout: 2_147_483_647,
      maxResponseHead: 1024,
      localAddress: '192.0.2.1',
      tls: { ca: 'x' },
      keepAliveAfter407: 'handshake',
      reasonPhrases: {},
      idleTimeout: 0,
      maxDuration: 5
    },
    tunnels: { keepAliveAfter407: 'handshake', reasonPhrases: {}, idleTimeout: 0, maxDuration: 5 },
    connectionBound: { handshakeTimeout: 1, maxHandshakes: 1, maxPerAddress: 1 },
    authInt: { maxRequest: 1, maxKept: 2, maxPerAddress: 5, maxAnswer: 3, contentTimeout: 4, contentDuration: 6 },
    verifiers: { concurrency: 1, queue: 0 },
    cleartext: 'refuse',
    log: { paths: true },
    tracing: { wanted: 'yes', users: true },
    unused: [],
    pseudonym: 'edge',
    status: { path: '/', hooks: [], listen: { host: '127.0.0.1', port: 3129 } },
    strategyTimeout: 1,
    drainTimeout: 0
  })
  t.same(routes, reverse)
  t.same(routeParents, [undefined])
  t.equal(pages.texts[407]?.title, 'Who?')
  t.equal(targets[0]?.to.matchName('a.example.test', 1), 'host')
  t.same(targets[0]?.demand, others)
})

t.test('limits: they are read, and each request then has a permit, which knows groups and rule', async t => {
  const { limits, permissions } = readSettings({ ...least, limits: [{ tunnels: 5 }], limitStore: { timeout: 5 } })
  t.match(limits, { limits: [{ tunnels: 5 }], store: { timeout: 5 } })
  t.match(permissions, { policy: undefined })
  for (const none of [{}, { limits: [] }]) t.equal(readSettings({ ...least, ...none }).permissions, undefined)
  refusesOption(t, () => readSettings({ ...least, limits: CANARY as never }), 'limits', 'string')
  refusesOption(t, () => readSettings({ ...least, limits: null as never }), 'limits', 'null')
})

t.test('a Redis that all uses share: the limits for guesses have it, too', async t => {
  const client = fakeRedis()
  const { redis, attempts } = readSettings({ ...least, attempts: {}, redis: { client, prefix: 'edge', key: 'k'.repeat(32) } })
  t.match(redis, { client, prefix: '{edge}:v1' })
  t.match(attempts, { redis: client, prefix: '{edge}:v1:attempts' })
  refusesOption(t, () => readSettings({ ...least, attempts: {}, redis: client }), 'redis.key', 'undefined')
})

t.test('routes that name parents of the forward proxy: have them', async t => {
  const reverse = [{ prefix: '/api', upstream: 'http://origin.test', parents: ['a'] }]
  const { forward, routeParents } = readSettings({ ...least, forward: { parents: [{ url: 'http://a.test', name: 'a' }] }, reverse })
  t.equal(routeParents[0]?.all[0], forward?.parents?.all[0])
  refusesOption(t, () => readSettings({ ...least, forward: true, reverse }), 'reverse[0].parents[0]', 'other text')
})

t.test('option attempts, even when empty: attempts are counted', async t => {
  t.match(readSettings({ ...least, attempts: {} }).attempts, { perAddress: 100, perUser: 10, timeWindow: 900_000 })
})

t.test('options that Fastify itself reads: they may be there', async t => {
  t.ok(readSettings({ ...least, logLevel: 'warn', logSerializers: {} } as ProxyAuthOptions))
  t.ok(readSettings({ ...least, reverse: [{ replyOptions: { getUpstream: () => 'http://a.test' } }] } as unknown as ProxyAuthOptions))
  t.throws(() => readSettings({ ...least, prefix: '/p' } as ProxyAuthOptions), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('options that change afterwards: the settings stay as they were', async t => {
  const given = { ...least, strategies: [...strategies], reverse: [], forward: {} }
  const settings = readSettings(given)
  given.strategies.pop()
  t.equal(settings.strategies.length, 1)
  for (const part of [settings, settings.strategies, settings.reverse, settings.forward, settings.targets, settings.authInt, settings.verifiers]) t.ok(Object.isFrozen(part))
})

t.test('a wrong option: it is refused with its name', async t => {
  for (const [option, given, got] of [
    ['options', undefined, 'undefined'],
    ['stratgies', { ...least, stratgies: [] }, 'it'],
    ['realm', { strategies }, 'undefined'],
    ['realm', { ...least, realm: null }, 'null'],
    ['strategies', { realm: 'x' }, 'undefined'],
    ['strategies', { ...least, strategies: [] }, 'a list'],
    ['strategies', { ...least, strategies: strategies[0] }, 'object'],
    ['passport', { ...least, passport: CANARY }, 'string'],
    ['passport', { ...least, passport: [] }, 'a list'],
    ['hook', { ...least, hook: CANARY }, 'string'],
    ['principal', { ...least, principal: CANARY }, 'string'],
    ['reverse', { ...least, reverse: { prefix: '/' } }, 'object'],
    ['via', { ...least, via: `not a ${CANARY}` }, 'string'],
    ['via', { ...least, via: 7 }, 'number'],
    ['cleartext', { ...least, cleartext: true }, 'boolean'],
    ['log.paths', { ...least, log: { paths: CANARY } }, 'string'],
    ['strategyTimeout', { ...least, strategyTimeout: 0 }, 'another number'],
    ['strategyTimeout', { ...least, strategyTimeout: 2_147_483_648 }, 'another number'],
    ['strategyTimeout', { ...least, strategyTimeout: 1.5 }, 'another number'],
    ['strategyTimeout', { ...least, strategyTimeout: '10s' }, 'string'],
    ['drainTimeout', { ...least, drainTimeout: -1 }, 'another number'],
    ['forward', { ...least, forward: null }, 'null'],
    ['forward.denny', { ...least, forward: { denny: [] } }, 'it'],
    ['forward.strategies', { ...least, forward: { strategies: {} } }, 'object'],
    ['connect.timeout', { ...least, connect: { timeout: 5 } }, 'it'],
    ['connectionBound', { ...least, connectionBound: false }, 'boolean'],
    ['anonymous', { ...least, anonymous: true }, 'boolean'],
    ['authInt', { ...least, authInt: null }, 'null'],
    ['verifiers', { ...least, verifiers: 4 }, 'number']
  ] as const) refusesOption(t, () => readSettings(given as never), option, got)
})

t.test('a realm that cannot be sent: the boot stops (R-CH-6)', async t => {
  for (const realm of ['a\r\nb', 'a\0', '\u{1f600}']) {
    t.throws(() => readSettings({ ...least, realm }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  }
})

t.test('forward: true takes the defaults (F-35)', async t => {
  t.same(Object.keys(readSettings({ ...least, forward: true }).forward!), Object.keys(readSettings({ ...least, forward: {} }).forward!))
})

t.test('what a stranger writes first: the message says what to write instead (F-35)', async t => {
  for (const [options, message] of [
    [{ foward: {} }, 'unknown option "foward"; did you mean "forward"?'],
    [{ strategies: [] }, 'option strategies must be a list of one or more, got an empty list'],
    [{ strategies: least.strategies[0] }, 'option strategies must be a list of one or more, got object; put it into a list'],
    [{ realm: 'Büro' }, 'option realm must be text in printable ASCII, got text with another char']
  ] as const) t.throws(() => readSettings({ ...least, ...options } as never), { message })
})

t.test('options that do nothing without a forward proxy: are named, unless a reverse route uses them', async t => {
  const options = { ...least, anonymous: { to: ['a.example.test'] }, connect: {} }
  const route = { prefix: '/api', upstream: 'http://origin.test' }
  t.same(readSettings(options).unused, ['anonymous', 'connect'])
  t.same(readSettings({ ...options, reverse: [route] }).unused, ['anonymous', 'connect'])
  t.same(readSettings({ ...options, reverse: [{ ...route, anonymous: true }] }).unused, ['connect'])
  t.same(readSettings({ ...options, reverse: [{ ...route, websocket: true }] }).unused, ['anonymous'])
  t.same(readSettings({ ...options, forward: true }).unused, [])
})
