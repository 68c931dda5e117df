import { mock } from 'node:test'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { readMessage } from '../../../lib/schemes/ntlm/message.js'
import type { AuthenticateMessage, NegotiateMessage } from '../../../lib/schemes/ntlm/message.js'
import { ntlmAuth } from '../../../lib/strategies/ntlm/samba.js'
import type { NtlmAuth, NtlmAuthOptions } from '../../../lib/strategies/ntlm/samba.js'
import type { NtlmExchange } from '../../../lib/strategies/ntlm/options.js'
import { authenticate, negotiate } from '../../fixtures/ntlm-client.js'
import type { NtlmAnswer } from '../../fixtures/ntlm-client.js'

const PROGRAM = fileURLToPath(new URL('../../fixtures/ntlm-helper.mjs', import.meta.url))
const FIRST = readMessage(negotiate()) as NegotiateMessage
const UNAVAILABLE = { message: /^the NTLM helper: /, statusCode: 503 }

function pool (t: Test, mode = 'works', options: NtlmAuthOptions = {}): NtlmAuth {
  const self = ntlmAuth({ command: process.execPath, args: [PROGRAM, mode], timeout: 30_000, ...options })
  t.teardown(() => self.close())
  return self
}

function lastMessage ({ challenge }: NtlmExchange, answer: NtlmAnswer = { user: 'alice' }): AuthenticateMessage {
  return readMessage(authenticate(challenge.toString('base64'), negotiate(), answer)) as AuthenticateMessage
}

async function login (self: NtlmAuth, user = 'alice', answer: NtlmAnswer = {}) {
  const exchange = await self.begin(FIRST)
  try {
    return await exchange.finish(lastMessage(exchange, { user, ...answer }), undefined)
  } finally {
    exchange.end!()
  }
}

t.test('the verdict of the helper: is the user, or a refusal', async t => {
  const self = pool(t)
  t.strictSame(await login(self), { kind: 'right', user: { username: 'CORP\\alice' }, userId: 'CORP\\alice' })
  t.match(await login(self, 'bob'), { kind: 'wrong', note: { reason: 'verifier', userId: null, guess: true } })
})

t.test('an anonymous client: is refused, even with a helper that accepts all', async t => {
  const self = pool(t, 'lets-all-in')
  t.match(await login(self, 'bob'), { kind: 'right' })
  t.match(await login(self, ''), { kind: 'wrong', note: { reason: 'anonymous', guess: false } })
  t.match(await login(self, 'bob', { ntResponse: Buffer.alloc(0) }), { kind: 'wrong', note: { reason: 'anonymous' } })
  t.match(await login(self, 'bob'), { kind: 'right' })
})

t.test('a handshake: has a helper to itself, and others wait their turn', async t => {
  const self = pool(t, 'works', { helpers: 2 })
  const [first, second] = [await self.begin(FIRST), await self.begin(FIRST)]
  const order: string[] = []
  const waiting = ['a', 'b'].map(async name => {
    const exchange = await self.begin(FIRST)
    order.push(name)
    exchange.end!()
  })
  t.strictSame(order, [])
  first.end!()
  await Promise.all(waiting)
  t.strictSame(order, ['a', 'b'])
  second.end!()
  t.match(await Promise.all(Array.from({ length: 10 }, async () => await login(self))), Array.from({ length: 10 }, () => ({ kind: 'right' })))
})

/** Time stands still, so that no program is too slow: only what is ticked goes by. */
function frozen (t: Test): typeof mock.timers {
  mock.timers.enable({ apis: ['setTimeout'] })
  const alive = setInterval(() => {}, 1000) // the helper lets the process end
  t.teardown(() => {
    mock.timers.reset()
    clearInterval(alive)
  })
  return mock.timers
}

t.test('handshakes beyond the helpers: only so many wait, and only so long', async t => {
  const timers = frozen(t)
  const self = pool(t, 'works', { helpers: 1, maxWaiting: 1 })
  const held = await self.begin(FIRST)
  const waits = self.begin(FIRST)
  await t.rejects(self.begin(FIRST), UNAVAILABLE)
  timers.tick(30_000)
  await t.rejects(waits, UNAVAILABLE)
  held.end!()
  t.match(await login(self), { kind: 'right' })
})

t.test('handshakes that strangers begin and do not go on with: the oldest gives way after a second, as long as others wait', async t => {
  let now = 0
  t.intercept(performance, 'now', { value: () => now })
  const timers = frozen(t)
  const self = pool(t, 'works', { helpers: 2 })
  const [first, second] = [await self.begin(FIRST), await self.begin(FIRST)]
  let served = 0
  const third = self.begin(FIRST).then(exchange => { served += 1; return exchange })
  now += 999
  timers.tick(1000)
  await new Promise(setImmediate)
  t.equal(served, 0, 'a client has its second')
  now += 1
  timers.tick(1000)
  ;(await third).end!()
  await t.rejects(async () => await first.finish(lastMessage(first), undefined), UNAVAILABLE)
  first.end!()
  t.match(await second.finish(lastMessage(second), undefined), { kind: 'right' }, 'which others do not need')
  second.end!()
  second.end!()
  t.match(await Promise.all([login(self), login(self), login(self)]), [{ kind: 'right' }, { kind: 'right' }, { kind: 'right' }])
})

for (const mode of ['dies', 'broken', 'silent', 'twice']) {
  t.test(`no challenge from a helper that is ${mode}: 503`, async t => {
    const self = pool(t, mode, mode === 'silent' ? { timeout: 50 } : {})
    await t.rejects(login(self), UNAVAILABLE)
    await t.rejects(login(self), UNAVAILABLE, 'nor for the next')
  })
}

for (const mode of ['dies-later', 'cannot-tell', 'alone']) {
  t.test(`no verdict from a helper that is ${mode}: 503, and the next has another`, async t => {
    const self = pool(t, mode, { helpers: 1 })
    await t.rejects(login(self), UNAVAILABLE)
    const exchange = await self.begin(FIRST)
    t.ok(exchange.challenge.length > 0)
    exchange.end!()
  })
}

t.test('no verdict from a helper in time: 503, and the next has another', async t => {
  const timers = frozen(t)
  const self = pool(t, 'silent-later', { helpers: 1 })
  const exchange = await self.begin(FIRST)
  const late = Promise.resolve(exchange.finish(lastMessage(exchange), undefined))
  timers.tick(30_000)
  await t.rejects(late, UNAVAILABLE)
  exchange.end!()
  t.ok((await self.begin(FIRST)).challenge.length > 0)
})

t.test('a helper that still owes a reply: is not used again', async t => {
  const self = pool(t, 'silent-later', { helpers: 1 })
  const exchange = await self.begin(FIRST)
  const late = exchange.finish(lastMessage(exchange), undefined)
  const gone = t.rejects(Promise.resolve(late), UNAVAILABLE)
  exchange.end!()
  await gone
  t.ok(await self.begin(FIRST))
})

t.test('a pool that is closed: serves no handshake', async t => {
  const self = pool(t, 'works', { helpers: 1 })
  await self.begin(FIRST)
  const waits = self.begin(FIRST)
  self.close()
  await t.rejects(waits, UNAVAILABLE)
  await t.rejects(self.begin(FIRST), UNAVAILABLE)
})

for (const options of [{ command: '' }, { command: 7 }, { args: 'x' }, { args: [7] }, { helpers: 0 }, { maxWaiting: -1 }, { timeout: 0 }, { timeout: 2 ** 31 }, { helper: 1 }]) {
  t.test(`${JSON.stringify(options)} is no option`, async t => {
    t.throws(() => ntlmAuth(options as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: new RegExp(`^(option ${Object.keys(options)[0]} must be |unknown option "${Object.keys(options)[0]}")`) })
  })
}

t.test('no options: the command is that of Samba', async t => {
  const self = ntlmAuth()
  self.close()
  await t.rejects(self.begin(FIRST), UNAVAILABLE)
})
