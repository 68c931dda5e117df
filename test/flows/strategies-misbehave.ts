import { setTimeout as later } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import type { StrategyDeclaration } from '../../lib/index.js'
import { FORMS, NAMED, message, surroundings } from '../fixtures/forms.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import type { Actions, Authenticate } from '../fixtures/foreign-strategies.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const TIMEOUT = 20

/** What the client gets, and what was logged of it. */
interface Row {
  name: string
  status: number
  authenticate: Authenticate
  /** Of the error. Default: none is logged. */
  code?: string
}

const CANARY = 'canary'
const FAILED = 'FST_PROXY_AUTH_STRATEGY_FAILED'
const LATE = 'FST_PROXY_AUTH_STRATEGY_TIMEOUT'
const act = (name: string, status: number, authenticate: Authenticate, code?: string): Row =>
  ({ name, status, authenticate, ...(code !== undefined && { code }) })
const boom = () => new Error(CANARY)

/** Attempts without an answer, kept for later. */
const waiting: Actions[] = []

const rows: Row[] = [
  act('throws', 500, () => { throw boom() }, FAILED),
  act('throws what is no error', 500, () => { throw CANARY }, FAILED),
  act('throws nothing', 500, () => { throw undefined }, FAILED), // eslint-disable-line no-throw-literal
  act('throws a 407', 500, () => { throw Object.assign(boom(), { statusCode: 407, status: 407 }) }, FAILED),
  act('rejects', 500, async () => { throw boom() }, FAILED),
  act('rejects later', 500, async () => { await later(1); throw boom() }, FAILED),
  act('calls error', 500, function () { this.error(boom()) }, FAILED),
  act('calls error with nothing', 500, function () { this.error() }, FAILED),
  act('never answers', 503, function () { waiting.push(this) }, LATE),
  act('resolves and never answers', 503, async () => {}, LATE),
  act('answers after the deadline', 503, function () { later(TIMEOUT * 3).then(() => this.success('mallory')) }, LATE),
  act('calls fail, then success', 407, function () { this.fail(); this.success('mallory') }),
  act('calls fail, then success later', 407, function () { this.fail(); setImmediate(() => this.success('mallory')) }),
  act('calls error, then success', 500, function () { this.error(boom()); this.success('mallory') }, FAILED),
  act('calls pass, then success', 407, function () { this.pass(); this.success('mallory') }),
  act('calls pass', 407, function () { this.pass() }),
  act('redirects', 500, function () { this.redirect('http://login.test/') }, FAILED),
  act('calls success with false', 407, function () { this.success(false) }),
  act('calls success with nothing', 407, function () { this.success() }),
  act('calls success with true', 500, function () { this.success(true) }, FAILED),
  act('calls success with somebody nameless', 500, function () { this.success({}) }, FAILED),
  act('calls fail with 200', 407, function () { this.fail(200) }),
  act('calls fail with a redirect', 407, function () { this.fail('x', 302) }),
  act('calls fail with 407', 407, function () { this.fail(407) }),
  act('calls fail with 500', 500, function () { this.fail(500) }, FAILED),
  act('writes a line into its challenge', 407, function () { this.fail(`Key realm="a"\r\nVia: ${CANARY}`) }),
  act('challenges for another scheme', 407, function () { this.fail(`Basic realm="${CANARY}"`) }),
  act('returns a verdict instead of calling it', 503, () => ({ success: 'mallory' }), LATE)
]

const declared = (authenticate: Authenticate): StrategyDeclaration[] => [{ strategy: foreign('odd', authenticate), scheme: 'Key' }]

/** Tells of each error that reached nobody. */
function unheard (t: Test) {
  const events = ['uncaughtException', 'unhandledRejection'] as const
  const heard: unknown[] = []
  const hear = (error: unknown) => { heard.push(error) }
  for (const event of events) process.on(event, hear)
  t.teardown(() => { for (const event of events) process.removeListener(event, hear) })
  return heard
}

for (const form of FORMS) {
  t.test(form, async t => {
    for (const { name, status, code, authenticate } of rows) {
      t.test(`a strategy that ${name}: ${status} (R-407-11, R-407-15, R-MAP-4, R-MAP-6, S14)`, async t => {
        const heard = unheard(t)
        const around = await surroundings(t, { strategies: declared(authenticate), strategyTimeout: TIMEOUT })
        const client = await RawClient.to(t, around.port)
        const head = message(form, NAMED(around.origin.port), ['Proxy-Authorization: Key k'])
        const answer = readAnswer(await client.send(head).answer())
        t.equal(answer.status, status)
        t.equal(answer.fields['proxy-authenticate'], status === 407 ? 'Key realm="Gateway"' : undefined)
        if (status === 503) t.match(answer.fields['retry-after'], /^[1-9]\d*$/)
        t.notOk('location' in answer.fields || 'via' in answer.fields)
        t.notMatch(JSON.stringify(answer), CANARY)
        if (code !== undefined) t.match(answer.body, code)

        // What it does too late, or a second time, comes to nothing.
        for (const actions of waiting.splice(0)) actions.success('mallory')
        if (name.includes('deadline')) await later(TIMEOUT * 3)
        await new Promise(resolve => setImmediate(resolve))
        t.equal(client.text, '', 'one answer')
        t.equal(around.origin.connections, 0)
        t.same(around.resolved, [])
        t.same(heard, [])
        t.notMatch(JSON.stringify(around.log), 'mallory')
        t.equal((await (await RawClient.to(t, around.port)).send(head).answer()).startsWith(`HTTP/1.1 ${status} `), true, 'and the next is answered')
        for (const actions of waiting.splice(0)) actions.fail()
      })
    }

    const right: Array<[string, Authenticate]> = [
      ['calls success twice', function () { this.success('alice'); this.success('mallory') }],
      ['calls success, then fail', function () { this.success('alice'); this.fail() }],
      ['calls success, then error', function () { this.success('alice'); this.error(boom()) }],
      ['calls success, then throws', function () { this.success('alice'); throw boom() }],
      ['calls success, then rejects', async function () { this.success('alice'); throw boom() }],
      ['calls success later, then fail', function () { setImmediate(() => { this.success('alice'); this.fail() }) }]
    ]
    for (const [name, authenticate] of right) {
      t.test(`a strategy that ${name}: the first word counts (R-MAP-6)`, async t => {
        const heard = unheard(t)
        let user: string | undefined
        const around = await surroundings(t, {
          strategies: declared(authenticate),
          before: app => { app.addHook('onResponse', async request => { user = request.proxyAuth?.name }) }
        })
        const client = await RawClient.to(t, around.port)
        const { status } = readAnswer(await client.send(message(form, around.origin.authority, ['Proxy-Authorization: Key k'])).answer())
        t.equal(status, 200)
        client.socket.end()
        await around.logged(line => 'proxy' in line)
        t.match(around.proxied(), [{ user: 'alice' }])
        await client.end()
        t.equal(user, 'alice')
        t.same(heard, [])
      })
    }

    t.test('each request has its own verdict, whenever it comes (R-MAP-6)', async t => {
      const around = await surroundings(t, {
        strategies: declared(function ({ headers }) {
          const name = headers.authorization!.slice(4)
          later(Math.random() * 10).then(() => name.startsWith('no') ? this.fail() : this.success(name))
        })
      })
      await Promise.all(Array.from({ length: 30 }, async (_, i) => {
        const name = i % 3 === 0 ? `no${i}` : `user${i}`
        const client = await RawClient.to(t, around.port)
        const { status } = readAnswer(await client.send(message(form, around.origin.authority, [`Proxy-Authorization: Key ${name}`])).answer())
        t.equal(status, i % 3 === 0 ? 407 : 200, name)
        client.socket.end()
      }))
      await around.logged(() => around.proxied().length === 20)
      t.equal(new Set(around.proxied().map(({ user }) => user)).size, 20)
    })

    t.test('a client that leaves while a strategy thinks leaves nothing behind (R-MAP-6)', async t => {
      let beAsked = () => {}
      const asked = new Promise<void>(resolve => { beAsked = resolve })
      const around = await surroundings(t, {
        strategies: declared(function () { waiting.push(this); beAsked() }),
        strategyTimeout: form === 'CONNECT' ? TIMEOUT : 100_000 // nobody reads that socket yet, so only time can tell
      })
      const client = await RawClient.to(t, around.port)
      client.send(message(form, NAMED(around.origin.port), ['Proxy-Authorization: Key k']))
      await asked
      client.socket.destroy()
      const code = form === 'CONNECT' ? LATE : 'FST_PROXY_AUTH_CLIENT_LEFT'
      await around.logged(({ err }) => (err as { code?: string } | undefined)?.code === code)
      for (const actions of waiting.splice(0)) actions.success('mallory')
      await new Promise(resolve => setImmediate(resolve))
      t.equal(around.origin.connections, 0)
      t.same(around.resolved, [])
    })
  })
}
