import t from 'tap'
import { readOptions } from '../lib/options.js'
import type { ProxyAuthOptions } from '../lib/options.js'
import { BasicStrategy } from '../lib/strategies/basic.js'

const strategies = [new BasicStrategy({ verify: () => null })]
const least: ProxyAuthOptions = { realm: 'Gateway', strategies }

t.test('the defaults', async t => {
  const { pseudonym, pages, ...settings } = readOptions(least)
  t.equal(pages.lang, 'en')
  t.same(settings, {
    realm: 'Gateway',
    strategies,
    passport: undefined,
    hook: 'preHandler',
    principal: undefined,
    reverse: [],
    identities: [],
    identityFields: [],
    forward: undefined,
    targets: [],
    connectionBound: undefined,
    anonymous: undefined,
    attempts: undefined,
    tunnels: { keepAliveAfter407: 'always', idleTimeout: 600_000, maxDuration: 0 },
    authInt: { maxRequest: 16_777_216, maxKept: 268_435_456, maxAnswer: 65_536, contentTimeout: 60_000 },
    verifiers: { concurrency: 32, queue: 1000 },
    cleartext: 'warn',
    strategyTimeout: 10_000,
    drainTimeout: 10_000
  })
  t.match(pseudonym, /^gateway-[0-9a-f]{12}$/)
  t.not(readOptions(least).pseudonym, pseudonym, 'another one each time (R-VIA-3)')
})

t.test('the defaults of forward', async t => {
  t.same(readOptions({ ...least, forward: {} }).forward, {
    policy: {},
    authorities: [],
    connectTimeout: 10_000,
    headersTimeout: 60_000,
    bodyTimeout: 300_000,
    localAddress: undefined,
    tls: undefined,
    keepAliveAfter407: 'always',
    idleTimeout: 600_000,
    maxDuration: 0
  })
})

t.test('how browsers find the proxy', async t => {
  t.same(readOptions({ ...least, forward: { pac: true } }).forward?.pac, { proxy: null, paths: ['/proxy.pac', '/wpad.dat'] })
  t.throws(() => readOptions({ ...least, forward: { pac: false as never } }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('everything that can be said', async t => {
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
  const { reverse: routes, targets, identities, pages, ...settings } = readOptions({
    ...least,
    passport,
    principal,
    reverse,
    hook: 'onRequest',
    cleartext: 'refuse',
    via: 'edge',
    strategyTimeout: 1,
    drainTimeout: 0,
    forward: {
      ...forward,
      connectTimeout: 1,
      headersTimeout: 0,
      bodyTimeout: 2_147_483_647,
      localAddress: '192.0.2.1',
      tls: { ca: 'x' },
      authorities: ['gw.test'],
      strategies: [{ to: ['*.example.test'], strategies: others }]
    },
    connect: { keepAliveAfter407: 'handshake', idleTimeout: 0, maxDuration: 5 },
    connectionBound: { handshakeTimeout: 1, maxHandshakes: 1 },
    authInt: { maxRequest: 1, maxKept: 2, maxAnswer: 3, contentTimeout: 4 },
    verifiers: { concurrency: 1, queue: 0 },
    pages: { 407: { title: 'Who?' } }
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
      localAddress: '192.0.2.1',
      tls: { ca: 'x' },
      keepAliveAfter407: 'handshake',
      idleTimeout: 0,
      maxDuration: 5
    },
    tunnels: { keepAliveAfter407: 'handshake', idleTimeout: 0, maxDuration: 5 },
    connectionBound: { handshakeTimeout: 1, maxHandshakes: 1 },
    authInt: { maxRequest: 1, maxKept: 2, maxAnswer: 3, contentTimeout: 4 },
    verifiers: { concurrency: 1, queue: 0 },
    cleartext: 'refuse',
    pseudonym: 'edge',
    strategyTimeout: 1,
    drainTimeout: 0
  })
  t.same(routes, reverse)
  t.equal(pages.texts[407]?.title, 'Who?')
  t.equal(targets[0]?.to.matchName('a.example.test', 1), 'host')
  t.same(targets[0]?.demand, others)
})

t.test('what Fastify itself reads may be there', async t => {
  t.ok(readOptions({ ...least, logLevel: 'warn', logSerializers: {} } as ProxyAuthOptions))
  t.ok(readOptions({ ...least, reverse: [{ replyOptions: { getUpstream: () => 'http://a.test' } }] } as unknown as ProxyAuthOptions))
  t.throws(() => readOptions({ ...least, prefix: '/p' } as ProxyAuthOptions), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('what is kept for auth-int may be nothing at all', async t => {
  const authInt = { maxRequest: 0, maxKept: 0, maxAnswer: 0, contentTimeout: 0 }
  t.same(readOptions({ ...least, authInt }).authInt, authInt)
})

t.test('connections that are users\' have limits of their own', async t => {
  for (const connectionBound of [true, {}] as const) {
    t.same(readOptions({ ...least, connectionBound }).connectionBound, { handshakeTimeout: 15_000, maxHandshakes: 1000 })
  }
})

t.test('nothing changes afterwards', async t => {
  const given = { ...least, strategies: [...strategies], reverse: [], forward: {} }
  const settings = readOptions(given)
  given.strategies.pop()
  t.equal(settings.strategies.length, 1)
  for (const part of [settings, settings.strategies, settings.reverse, settings.forward, settings.targets, settings.authInt, settings.verifiers]) t.ok(Object.isFrozen(part))
})

interface Row { option: string, options: object | undefined, got: string }
const CANARY = 'canary'
const wrong: Row[] = [
  { option: 'options', options: undefined, got: 'undefined' },
  { option: 'realm', options: { strategies }, got: 'undefined' },
  { option: 'realm', options: { ...least, realm: null }, got: 'null' },
  { option: 'strategies', options: { realm: 'x' }, got: 'undefined' },
  { option: 'strategies', options: { ...least, strategies: [] }, got: 'a list' },
  { option: 'strategies', options: { ...least, strategies: strategies[0] }, got: 'object' },
  { option: 'passport', options: { ...least, passport: CANARY }, got: 'string' },
  { option: 'passport', options: { ...least, passport: [] }, got: 'a list' },
  { option: 'hook', options: { ...least, hook: CANARY }, got: 'string' },
  { option: 'principal', options: { ...least, principal: CANARY }, got: 'string' },
  { option: 'reverse', options: { ...least, reverse: { prefix: '/' } }, got: 'object' },
  { option: 'reverse[0]', options: { ...least, reverse: [null] }, got: 'null' },
  { option: 'reverse[1].upstream', options: { ...least, reverse: [{ upstream: 'http://a.test' }, {}] }, got: 'undefined' },
  { option: 'reverse[0].status', options: { ...least, reverse: [{ upstream: 'http://a.test', status: 403 }] }, got: 'number' },
  { option: 'reverse[0].strategies', options: { ...least, reverse: [{ upstream: 'http://a.test', strategies: [] }] }, got: 'a list' },
  { option: 'forward.strategies', options: { ...least, forward: { strategies: {} } }, got: 'object' },
  { option: 'forward.strategies[0]', options: { ...least, forward: { strategies: [CANARY] } }, got: 'string' },
  { option: 'forward.strategies[0].strategies', options: { ...least, forward: { strategies: [{ to: ['*'] }] } }, got: 'undefined' },
  { option: 'forward.strategies[0].to', options: { ...least, forward: { strategies: [{ strategies }] } }, got: 'undefined' },
  { option: 'via', options: { ...least, via: 'not a token' }, got: 'string' },
  { option: 'via', options: { ...least, via: 7 }, got: 'number' },
  { option: 'cleartext', options: { ...least, cleartext: true }, got: 'boolean' },
  { option: 'strategyTimeout', options: { ...least, strategyTimeout: 0 }, got: 'another number' },
  { option: 'strategyTimeout', options: { ...least, strategyTimeout: 2_147_483_648 }, got: 'another number' },
  { option: 'strategyTimeout', options: { ...least, strategyTimeout: 1.5 }, got: 'another number' },
  { option: 'strategyTimeout', options: { ...least, strategyTimeout: '10s' }, got: 'string' },
  { option: 'drainTimeout', options: { ...least, drainTimeout: -1 }, got: 'another number' },
  { option: 'forward', options: { ...least, forward: true }, got: 'boolean' },
  { option: 'forward', options: { ...least, forward: null }, got: 'null' },
  { option: 'forward', options: { ...least, forward: [] }, got: 'a list' },
  { option: 'forward.connectTimeout', options: { ...least, forward: { connectTimeout: 0 } }, got: 'another number' },
  { option: 'forward.headersTimeout', options: { ...least, forward: { headersTimeout: NaN } }, got: 'another number' },
  { option: 'forward.bodyTimeout', options: { ...least, forward: { bodyTimeout: null } }, got: 'object' },
  { option: 'forward.authorities', options: { ...least, forward: { authorities: 'gw.test' } }, got: 'string' },
  { option: 'forward.localAddress', options: { ...least, forward: { localAddress: 7 } }, got: 'number' },
  { option: 'forward.localAddress', options: { ...least, forward: { localAddress: 'localhost' } }, got: 'string' },
  { option: 'forward.tls', options: { ...least, forward: { tls: CANARY } }, got: 'string' },
  { option: 'connect', options: { ...least, forward: {}, connect: 'always' }, got: 'string' },
  { option: 'connect.keepAliveAfter407', options: { ...least, forward: {}, connect: { keepAliveAfter407: true } }, got: 'boolean' },
  { option: 'connect.idleTimeout', options: { ...least, forward: {}, connect: { idleTimeout: Infinity } }, got: 'another number' },
  { option: 'connect.maxDuration', options: { ...least, connect: { maxDuration: -1 } }, got: 'another number' },
  { option: 'connectionBound', options: { ...least, connectionBound: false }, got: 'boolean' },
  { option: 'connectionBound.handshakeTimeout', options: { ...least, connectionBound: { handshakeTimeout: 0 } }, got: 'another number' },
  { option: 'connectionBound.maxHandshakes', options: { ...least, connectionBound: { maxHandshakes: 0 } }, got: 'number' },
  { option: 'authInt', options: { ...least, authInt: true }, got: 'boolean' },
  { option: 'verifiers', options: { ...least, verifiers: 4 }, got: 'number' },
  { option: 'verifiers.concurrency', options: { ...least, verifiers: { concurrency: 0 } }, got: 'another number' },
  { option: 'verifiers.queue', options: { ...least, verifiers: { queue: '7' } }, got: 'string' },
  { option: 'authInt.maxRequest', options: { ...least, authInt: { maxRequest: '1 MiB' } }, got: 'string' },
  { option: 'authInt.maxKept', options: { ...least, authInt: { maxKept: Infinity } }, got: 'number' },
  { option: 'authInt.maxAnswer', options: { ...least, authInt: { maxAnswer: -1 } }, got: 'number' },
  { option: 'authInt.contentTimeout', options: { ...least, authInt: { contentTimeout: 2 ** 31 } }, got: 'another number' }
]
for (const { option, options, got } of wrong) {
  t.test(`${option} cannot be ${JSON.stringify(options?.[option as never] ?? options) ?? 'undefined'}`, async t => {
    t.throws(() => readOptions(options as ProxyAuthOptions), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: `option ${option} must be ` })
    try {
      readOptions(options as ProxyAuthOptions)
    } catch (error) {
      t.match((error as Error).message, new RegExp(`, got ${got}$`))
      t.notMatch((error as Error).message, CANARY, 'never the value: it may be a secret')
    }
  })
}

t.test('a misspelt option is refused, and not passed over', async t => {
  for (const [option, options] of [
    ['stratgies', { ...least, stratgies: [] }],
    ['forward.denny', { ...least, forward: { denny: [] } }],
    ['forward.strategies[0].too', { ...least, forward: { strategies: [{ to: ['*'], too: [], strategies }] } }],
    ['connect.timeout', { ...least, forward: {}, connect: { timeout: 5 } }],
    ['connect.timeout', { ...least, connect: { timeout: 5 } }],
    ['connectionBound.limit', { ...least, connectionBound: { limit: 5 } }],
    ['authInt.limit', { ...least, authInt: { limit: 5 } }]
  ] as const) {
    t.throws(() => readOptions(options as unknown as ProxyAuthOptions), {
      code: 'FST_PROXY_AUTH_BAD_OPTION', message: `option ${option} must be left out`
    }, option)
  }
})

t.test('a realm that cannot be sent stops the boot (R-CH-6)', async t => {
  for (const realm of ['a\r\nb', 'a\0', '\u{1f600}']) {
    t.throws(() => readOptions({ ...least, realm }), { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' })
  }
})

t.test('who tells what to which upstream', async t => {
  const upstream = 'http://origin.test'
  const { identities, identityFields } = readOptions({
    ...least,
    identity: { header: 'X-User' },
    reverse: [{ upstream }, { upstream, identity: { header: 'x-name' } }, { upstream, identity: false }]
  })
  t.same(identities.map(({ own }) => own?.name), ['x-user', 'x-name', undefined])
  t.same(identityFields.map(({ name }) => name), ['x-user', 'x-name'])
  for (const { all } of identities) t.equal(all, identityFields)
  t.throws(() => readOptions({ ...least, identity: { header: 'host' } }), { message: /identity\.header/ })
  t.throws(() => readOptions({ ...least, reverse: [{ upstream, identity: { header: '' } }] }), { message: /reverse\[0\]\.identity\.header/ })
})

t.test('who may come without credentials', async t => {
  const reverse = [{ upstream: 'http://origin.test', anonymous: true }]
  t.equal(readOptions({ ...least, reverse }).anonymous?.name, 'anonymous')
  t.equal(readOptions({ ...least, anonymous: {} }).anonymous?.to.matchName('a.test', 80), null)
  const { name, to } = readOptions({ ...least, anonymous: { to: ['*.test'], name: 'guest' } }).anonymous!
  t.same([name, to.matchName('a.test', 8080)], ['guest', 'host'])
  const wrong: Array<[string, object]> = [
    ['anonymous', { anonymous: true }], ['anonymous.tos', { anonymous: { tos: [] } }], ['anonymous.to', { anonymous: { to: '*' } }],
    ['anonymous.to\\[0\\]', { anonymous: { to: ['a b'] } }], ['anonymous.name', { anonymous: { name: '' } }],
    ['reverse\\[0\\].anonymous', { reverse: [{ ...reverse[0], anonymous: 'yes' }] }]
  ]
  for (const [option, options] of wrong) {
    t.throws(() => readOptions({ ...least, ...options } as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: new RegExp(`^option ${option} must`) }, option)
  }
})
