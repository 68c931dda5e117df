import t from 'tap'
import { readAuthInt, readConnect, readConnectionBound, readVerifiers } from '../../lib/options/limits.js'
import { refusesOption } from '../fixtures/bad-option.js'

const ALL = [
  { read: readConnect, defaults: { keepAliveAfter407: 'always', reasonPhrases: {}, idleTimeout: 600_000, maxDuration: 0 }, least: { keepAliveAfter407: 'never', reasonPhrases: false, idleTimeout: 0, maxDuration: 0 } },
  { read: readConnectionBound, defaults: { handshakeTimeout: 15_000, maxHandshakes: 1000, maxPerAddress: 100 }, least: { handshakeTimeout: 1, maxHandshakes: 1, maxPerAddress: 1 } },
  {
    read: readAuthInt,
    defaults: { maxRequest: 16_777_216, maxKept: 268_435_456, maxAnswer: 65_536, contentTimeout: 60_000, maxPerAddress: 67_108_864, contentDuration: 300_000 },
    least: { maxRequest: 0, maxKept: 0, maxAnswer: 0, contentTimeout: 0, maxPerAddress: 0, contentDuration: 0 }
  },
  { read: readVerifiers, defaults: { concurrency: 32, queue: 1000 }, least: { concurrency: 1, queue: 0 } }
]
for (const { read, defaults, least } of ALL) {
  t.test(`${read.name}: the defaults, and the least`, async t => {
    t.same(read({}), defaults)
    t.same(read(least as never), least)
    t.ok(Object.isFrozen(read({})))
  })
}

t.test('connectionBound that is true: the defaults are taken', async t => {
  t.same(readConnectionBound(true), readConnectionBound({}))
})

t.test('a wrong value of a limit: it is refused with the name of the option', async t => {
  for (const [read, option, given, got] of [
    [readConnect, 'connect', 'always', 'string'],
    [readConnect, 'connect.timeout', { timeout: 5 }, 'it'],
    [readConnect, 'connect.keepAliveAfter407', { keepAliveAfter407: true }, 'boolean'],
    [readConnect, 'connect.reasonPhrases', { reasonPhrases: true }, 'boolean'],
    [readConnect, 'connect.reasonPhrases.FST_PROXY_AUTH_TLS', { reasonPhrases: { FST_PROXY_AUTH_TLS: 'text' } }, 'it'],
    [readConnect, 'connect.reasonPhrases.FST_PROXY_AUTH_DNS', { reasonPhrases: { FST_PROXY_AUTH_DNS: 404 } }, 'number'],
    ...['', 'a\r\nSet-Cookie: a', 'caf\u00e9', 'x'.repeat(121)].map(text =>
      [readConnect, 'connect.reasonPhrases.FST_PROXY_AUTH_DNS', { reasonPhrases: { FST_PROXY_AUTH_DNS: text } }, 'string'] as const),
    [readConnect, 'connect.idleTimeout', { idleTimeout: Infinity }, 'another number'],
    [readConnect, 'connect.maxDuration', { maxDuration: -1 }, 'another number'],
    [readConnectionBound, 'connectionBound', false, 'boolean'],
    [readConnectionBound, 'connectionBound.limit', { limit: 5 }, 'it'],
    [readConnectionBound, 'connectionBound.handshakeTimeout', { handshakeTimeout: 0 }, 'another number'],
    [readConnectionBound, 'connectionBound.maxHandshakes', { maxHandshakes: 0 }, 'number'],
    [readConnectionBound, 'connectionBound.maxPerAddress', { maxPerAddress: 0 }, 'number'],
    [readAuthInt, 'authInt', true, 'boolean'],
    [readAuthInt, 'authInt.limit', { limit: 5 }, 'it'],
    [readAuthInt, 'authInt.maxRequest', { maxRequest: '1 MiB' }, 'string'],
    [readAuthInt, 'authInt.maxKept', { maxKept: Infinity }, 'number'],
    [readAuthInt, 'authInt.maxPerAddress', { maxPerAddress: null }, 'null'],
    [readAuthInt, 'authInt.maxAnswer', { maxAnswer: -1 }, 'number'],
    [readAuthInt, 'authInt.contentTimeout', { contentTimeout: 2 ** 31 }, 'another number'],
    [readAuthInt, 'authInt.contentDuration', { contentDuration: -1 }, 'another number'],
    [readVerifiers, 'verifiers', 4, 'number'],
    [readVerifiers, 'verifiers.concurrency', { concurrency: 0 }, 'another number'],
    [readVerifiers, 'verifiers.queue', { queue: '7' }, 'string']
  ] as const) refusesOption(t, () => read(given as never), option, got)
})
