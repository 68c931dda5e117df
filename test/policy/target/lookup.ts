import dns from 'node:dns'
import type { LookupFunction } from 'node:net'
import t from 'tap'
import { dependable, lookUp } from '../../../lib/policy/target/lookup.js'

type Callback = (error: Error | null, answer?: unknown, family?: unknown) => void

/** A resolver that does what `act` says with its callback. */
const resolver = (act: (callback: Callback, options: unknown, name: string) => unknown): LookupFunction =>
  (name, options, callback) => act(callback as Callback, options, name) as undefined
const ask = (act: (callback: Callback, options: unknown, name: string) => unknown, family: 0 | 4 | 6 = 0) =>
  lookUp('origin.test', { lookup: resolver(act), family, timeout: 1000 })
const failed = { code: 'FST_PROXY_AUTH_DNS', statusCode: 502 }
const timedOut = { code: 'FST_PROXY_AUTH_DNS_TIMEOUT', statusCode: 504 }
const texts = (addresses: Array<{ text: string }>): string[] => addresses.map(({ text }) => text)
const nextTurn = () => new Promise(resolve => { setImmediate(resolve) })

t.test('a look-up: the resolver is asked once, for all addresses, and their order is kept (R-CONNECT-9)', async t => {
  const calls: unknown[] = []
  const addresses = await ask((callback, options, name) => {
    calls.push([name, options])
    callback(null, [{ address: '2001:DB8::1', family: 6 }, { address: '192.0.2.2', family: 4 }, { address: '192.0.2.1', family: 4 }])
  })
  t.strictSame(calls, [['origin.test', { all: true, family: 0 }]])
  t.strictSame(texts(addresses), ['2001:db8::1', '192.0.2.2', '192.0.2.1'])
})

t.test('a resolver that gives one address though all were asked for: that address is taken', async t => {
  t.strictSame(texts(await ask(callback => { callback(null, '192.0.2.1', 4) })), ['192.0.2.1'])
})

t.test('IPv4-mapped addresses and duplicates: they become IPv4, and each is kept once', async t => {
  const addresses = await ask(callback => { callback(null, [{ address: '::ffff:192.0.2.1', family: 6 }, { address: '192.0.2.1', family: 4 }]) })
  t.strictSame(addresses.map(({ text, family }) => [text, family]), [['192.0.2.1', 4]])
})

t.test('a family that is set: it is asked for, and addresses of the other are dropped', async t => {
  const both = [{ address: '192.0.2.1', family: 4 }, { address: '2001:db8::1', family: 6 }]
  const answer: Parameters<typeof ask>[0] = (callback, options) => {
    t.match(options, { family: Number })
    callback(null, both)
  }
  t.strictSame(texts(await ask(answer, 4)), ['192.0.2.1'])
  t.strictSame(texts(await ask(answer, 6)), ['2001:db8::1'])
  await t.rejects(ask(callback => { callback(null, [{ address: '::ffff:192.0.2.1', family: 6 }]) }, 6), failed)
})

t.test('garbage in a DNS answer: it is no address, and without any the look-up fails', async t => {
  const garbage = [
    undefined, null, '', 'localhost', 42, true, {}, [], [[]], [null], [undefined], [42], [{ address: 7 }], [{ address: null }],
    [{ address: 'fe80::1%eth0' }], [{ address: '127.1' }], [{ address: '[::1]' }], { get address () { throw new Error('trap') } }
  ]
  for (const answer of garbage) await t.rejects(ask(callback => { callback(null, answer) }), failed)
  const mixed = [null, { address: 'x' }, { address: '192.0.2.1' }]
  t.strictSame(texts(await ask(callback => { callback(null, mixed) })), ['192.0.2.1'], 'what is an address is kept')
})

t.test('a resolver that fails in any way: the error keeps the cause, with 502, or 504 for a timeout', async t => {
  const cause = Object.assign(new Error('getaddrinfo ENOTFOUND origin.test'), { code: 'ENOTFOUND' })
  await t.rejects(ask(callback => { callback(cause) }), { ...failed, cause })
  await t.rejects(ask(() => { throw cause }), { ...failed, cause })
  await t.rejects(ask(async () => { throw cause }), { ...failed, cause })
  await t.rejects(ask(() => { throw undefined }), failed) // eslint-disable-line no-throw-literal
  const silent = Object.assign(new Error('queryA ETIMEOUT origin.test'), { code: 'ETIMEOUT' })
  await t.rejects(ask(callback => { callback(silent) }), { ...timedOut, cause: silent })
})

t.test('a resolver that never answers: the look-up fails at the deadline, with 504', async t => {
  await t.rejects(lookUp('origin.test', { lookup: resolver(() => {}), family: 0, timeout: 1 }), timedOut)
})

t.test('a resolver that answers more than once: the first answer counts', async t => {
  const twice = await ask(callback => {
    callback(null, [{ address: '192.0.2.1', family: 4 }])
    callback(null, [{ address: '127.0.0.1', family: 4 }])
    callback(new Error('late'))
  })
  t.strictSame(texts(twice), ['192.0.2.1'])
  await t.rejects(ask(callback => {
    callback(new Error('first'))
    callback(null, [{ address: '127.0.0.1', family: 4 }])
  }), failed)
  t.strictSame(texts(await ask(callback => {
    callback(null, '192.0.2.1')
    throw new Error('after the answer')
  })), ['192.0.2.1'])
})

t.test('an answer after the deadline: it goes nowhere', async t => {
  let late!: Callback
  await t.rejects(lookUp('origin.test', { lookup: resolver(callback => { late = callback }), family: 0, timeout: 1 }), timedOut)
  late(new Error('too late'))
  await nextTurn() // an unhandled rejection would fail this test
})

t.test('dns.lookup as the resolver: the addresses are found', async t => {
  const addresses = await lookUp('localhost', { lookup: dns.lookup, family: 0, timeout: 5000 })
  t.ok(texts(addresses).every(text => text.startsWith('127.') || text === '::1'))
})

t.test('a machine that has nothing left to ask with: 503, and not the name\'s fault', async t => {
  for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']) {
    const cause = Object.assign(new Error(`getaddrinfo ${code} origin.test`), { code })
    await t.rejects(ask(callback => { callback(cause) }), { code: 'FST_PROXY_AUTH_OUT_OF_CONNECTIONS', statusCode: 503, cause })
  }
})

t.test('a dependable resolver before one of any behaviour: it answers once, in the shape it was asked for', async t => {
  const answers = async (act: Parameters<typeof ask>[0], options: object): Promise<unknown[][]> => {
    const given: unknown[][] = []
    await new Promise<void>(resolve => {
      dependable(resolver(act))('origin.test', options, (...answer) => {
        given.push(answer)
        setImmediate(resolve)
      })
    })
    return given
  }
  const address = '192.0.2.1'
  const good = [{ address, family: 4 }]
  t.strictSame(await answers(callback => { callback(null, good) }, { all: true }), [[null, good]])
  t.strictSame(await answers(callback => { callback(null, address, 4) }, { all: true, family: 0 }), [[null, good]])
  t.strictSame(await answers(callback => { callback(null, good) }, {}), [[null, address, 4]])
  t.strictSame(await answers(callback => { callback(null, good); callback(new Error('late')) }, {}), [[null, address, 4]], 'twice')
  t.match(await answers(callback => { callback(new Error('no')); callback(null, good) }, {}), [[failed]], 'twice, a failure first')
  t.match(await answers(() => { throw new Error('no') }, {}), [[failed]], 'throws')
  t.match(await answers(async () => { throw new Error('no') }, {}), [[failed]], 'rejects')
  t.match(await answers(callback => { callback(null, []) }, { all: true }), [[failed]], 'no address')
  t.match(await answers(callback => { callback(null, good) }, { all: true, family: 6 }), [[failed]], 'of another family')
})
