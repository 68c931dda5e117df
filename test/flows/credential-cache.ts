import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy } from '../../lib/index.js'
import type { CacheOptions } from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { FORMS, message, statusOf as status, surroundings } from '../fixtures/forms.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

/** A gateway whose accounts can be changed and whose clock stands still; each check of a password is noted, and takes a turn of the event loop. */
async function remembering (t: Test, cache: CacheOptions = {}, options: GatewayOptions = {}) {
  const time = { now: 0 }
  const accounts = new Map([['alice', 'alice-secret'], ['bob', 'bob-secret']])
  const checked: string[] = []
  const verify = async ({ username, password }: { username: string, password: string }) => {
    checked.push(`${username}:${password}`)
    await new Promise(resolve => setImmediate(resolve))
    return accounts.get(username) === password ? { username, groups: ['a'] } : null
  }
  const strategy = new BasicStrategy({ verify, cache: { clock: () => time.now, ...cache } })
  const gate = await surroundings(t, { strategies: [strategy], ...options })
  return { gate, time, accounts, checked }
}

t.test('a right or a wrong password in several forms: each is checked once for all of them (R-BASIC-13)', async t => {
  const { gate, checked, time } = await remembering(t, { ttl: 1000, refresh: 0, negativeTtl: 100 })
  for (const form of FORMS) {
    t.equal(await status(t, gate, form, ALICE), 200, form)
    t.equal(await status(t, gate, form, basic('alice', 'wrong')), 407, form)
    t.equal(await status(t, gate, form, basic('nobody', 'alice-secret')), 407, form)
    time.now += 33
  }
  t.strictSame(checked, ['alice:alice-secret', 'alice:wrong', 'nobody:alice-secret'])
  time.now = 1000
  t.equal(await status(t, gate, 'CONNECT', ALICE), 200)
  t.equal(checked.length, 4, 'checked again when its time is up')
})

t.test('many requests at once, or a flood of guesses: the requests are one check, and the right password is accepted', async t => {
  const { gate, checked } = await remembering(t, { maxNegative: 5 })
  const all = await Promise.all(Array.from({ length: 30 }, async (_, i) => await status(t, gate, FORMS[i % 3]!, ALICE)))
  t.strictSame(all, all.map(() => 200))
  t.equal(checked.length, 1)
  const mixed = await Promise.all(Array.from({ length: 40 }, async (_, i) =>
    await status(t, gate, FORMS[i % 3]!, i % 2 === 0 ? ALICE : basic('alice', `guess ${i}`))))
  t.strictSame(mixed, mixed.map((_, i) => i % 2 === 0 ? 200 : 407))
  t.equal(checked.length, 21)
})

t.test('a remembered password shortly before its end: it is checked in the background, which notices a change', async t => {
  const { gate, checked, time, accounts } = await remembering(t, { ttl: 1000, refresh: 200 })
  t.equal(await status(t, gate, 'absolute-form', ALICE), 200)
  accounts.set('alice', 'new')
  time.now = 700
  t.equal(await status(t, gate, 'absolute-form', ALICE), 200, 'the old one is still accepted')
  time.now = 900
  t.equal(await status(t, gate, 'absolute-form', ALICE), 200, 'while it is asked')
  t.equal(checked.length, 2)
  t.equal(await status(t, gate, 'absolute-form', ALICE), 407)
  t.equal(await status(t, gate, 'absolute-form', basic('alice', 'new')), 200)
})

t.test('a revocation: it ends what is remembered of this user, and of no other', async t => {
  const { gate, checked, accounts } = await remembering(t)
  const BOB = basic('bob', 'bob-secret')
  for (const credentials of [ALICE, BOB]) t.equal(await status(t, gate, 'CONNECT', credentials), 200)
  accounts.delete('alice')
  t.equal(await status(t, gate, 'CONNECT', ALICE), 200)
  gate.app.proxyAuthRevoke('alice')
  t.equal(await status(t, gate, 'CONNECT', ALICE), 407)
  t.equal(await status(t, gate, 'CONNECT', BOB), 200)
  t.equal(checked.length, 3)
  accounts.set('alice', 'alice-secret')
  gate.app.proxyAuthRevoke('alice')
  t.equal(await status(t, gate, 'CONNECT', ALICE), 200, 'set up anew, it works at once')
})

t.test('a revocation where option `principal` gives the names: it goes by these names', async t => {
  const principal = ((user: { username: string }) => `${user.username}@lab`) as never
  const { gate, checked } = await remembering(t, {}, { principal })
  t.equal(await status(t, gate, 'CONNECT', ALICE), 200)
  gate.app.proxyAuthRevoke('alice')
  await status(t, gate, 'CONNECT', ALICE)
  t.equal(checked.length, 1)
  gate.app.proxyAuthRevoke('alice@lab')
  await status(t, gate, 'CONNECT', ALICE)
  t.equal(checked.length, 2)
})

t.test('a user revoked while the password is checked: it is checked again', async t => {
  let checking!: () => void
  const asked = new Promise<void>(resolve => { checking = resolve })
  const answers: Array<(user: object | null) => void> = []
  const verify = async () => await new Promise<object | null>(resolve => { answers.push(resolve); checking() })
  const gate = await surroundings(t, { strategies: [new BasicStrategy({ verify, cache: true })] })
  const pending = status(t, gate, 'CONNECT', ALICE)
  await asked
  gate.app.proxyAuthRevoke('alice')
  checking = () => answers[1]!(null)
  answers[0]!({ username: 'alice' })
  t.equal(await pending, 407)
  t.equal(answers.length, 2)
})

t.test('a foreign strategy that declares a cache: it remembers and forgets in the same way', async t => {
  let asked = 0
  const ldap = foreign('ldap', function (request) {
    asked++
    setImmediate(() => request.headers['authorization'] === ALICE ? this.success({ uid: 'alice' }) : this.fail(401))
  })
  const gate = await surroundings(t, { strategies: [{ strategy: ldap, scheme: 'Basic', cache: true }] })
  for (const form of FORMS) {
    t.equal(await status(t, gate, form, ALICE), 200)
    t.equal(await status(t, gate, form, basic('alice', 'x')), 407)
  }
  t.equal(asked, 2)
  gate.app.proxyAuthRevoke('alice')
  t.equal(await status(t, gate, 'CONNECT', ALICE), 200)
  t.equal(asked, 3)
})

t.test('one strategy on several routes: it has one memory', async t => {
  const upstream = await tcpOrigin(t, socket => { socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')) })
  let asked = 0
  const strategy = new BasicStrategy({ verify: async () => { asked++; return { username: 'alice' } }, cache: true })
  const gate = await gateway(t, {
    strategies: [strategy],
    cleartext: 'refuse',
    reverse: ['/a', '/b'].map(prefix => ({ prefix, upstream: `http://${upstream.authority}`, strategies: [strategy] }))
  })
  for (const path of ['/a', '/b']) {
    const client = await RawClient.to(t, gate.port)
    client.send(`GET ${path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
    t.match(await client.end(), /^HTTP\/1\.1 200 /)
  }
  t.equal(asked, 1)
})

t.test('a full queue of checks: 503 with Retry-After in every form, while a remembered password is accepted', async t => {
  const answers: Array<() => void> = []
  let block = false
  const verify = async ({ password }: { password: string }) => {
    if (block) await new Promise<void>(resolve => answers.push(resolve))
    return password === 'alice-secret' ? { username: 'alice' } : null
  }
  const gate = await surroundings(t, { strategies: [new BasicStrategy({ verify, cache: true })], verifiers: { concurrency: 2, queue: 1 } })
  t.equal(await status(t, gate, 'CONNECT', ALICE), 200)
  block = true
  const target = new URL(gate.origin.url).host
  const flood = await Promise.all([1, 2, 3].map(async i => (await RawClient.to(t, gate.port)).send(connectHead(target, `Proxy-Authorization: ${basic('alice', `${i}`)}`))))
  // With the third, which waits: without it the next would.
  await until(() => answers.length === 2 && gate.log.filter(({ msg }) => msg === 'incoming request').length === 4)
  for (const form of FORMS) {
    const client = await RawClient.to(t, gate.port)
    await client.send(message(form, target, [`Proxy-Authorization: ${basic('alice', form)}`])).until(text => text.includes('\r\n\r\n'))
    t.match(readAnswer(client.text), { status: 503, fields: { 'retry-after': '1' } }, form)
    t.notMatch(client.text, /proxy-authenticate/i)
    t.equal(await status(t, gate, form, ALICE), 200)
  }
  block = false
  while (answers.length > 0) answers.shift()!()
  for (const client of flood) t.match(await client.until(text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 407 /)
})
