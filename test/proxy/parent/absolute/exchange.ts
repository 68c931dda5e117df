import type { IncomingMessage, ServerResponse } from 'node:http'
import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import { ClientLeft, ParentUnproven } from '../../../../lib/errors.js'
import type { Parent } from '../../../../lib/policy/parent/parent.js'
import { AbsoluteClient } from '../../../../lib/proxy/parent/absolute/client.js'
import { AbsoluteExchange } from '../../../../lib/proxy/parent/absolute/exchange.js'
import type { AbsoluteRequest } from '../../../../lib/proxy/parent/absolute/exchange.js'
import { Blame } from '../../../../lib/proxy/parent/blame.js'
import { ANONYMOUS } from '../../../../lib/proxy/parent/login/anonymous.js'
import type { Login } from '../../../../lib/proxy/parent/login/login.js'
import { closedPort } from '../../../fixtures/closed-port.js'
import { madeUpLogin } from '../../../fixtures/logins.js'
import type { Legs, MadeUpLogin } from '../../../fixtures/logins.js'
import { parentAt } from '../../../fixtures/parent.js'
import { challenge, contentOf, parentProxy } from '../../../fixtures/parent-proxy.js'
import type { ParentProxy, ParentResponds } from '../../../fixtures/parent-proxy.js'
import { rawOrigin } from '../../../fixtures/raw-origin.js'
import { until } from '../../../fixtures/until.js'

interface Outcome {
  status?: number
  headers?: Record<string, unknown>
  body: string
  trailers?: unknown
  interim: number[]
  error?: Error & { code: string, parent?: string, account?: string }
  otherwise?: true
}

interface Lab {
  readonly parent: Parent
  readonly client: AbsoluteClient
  readonly failed: string[]
  readonly worked: () => number
  readonly dials: () => number
  /** A request by a user of a client connection. */
  send (login: Login, request?: Partial<AbsoluteRequest> & { response?: object, fallback?: boolean, handler?: Partial<Dispatcher.DispatchHandler> }): Promise<Outcome>
}

function lab (t: Test, port: number, { headersTimeout = 5000, bodyTimeout = 5000, maxResponseHead = 65_536, dial = connect as (port: number, host: string) => Socket } = {}): Lab {
  const parent = parentAt(port)
  const failed: string[] = []
  let worked = 0
  let dials = 0
  const client = new AbsoluteClient({
    connect: async ({ port }) => {
      dials++
      const socket = dial(port, '127.0.0.1')
      await new Promise((resolve, reject) => { socket.once('connect', resolve).once('error', reject) })
      return socket
    },
    headersTimeout,
    bodyTimeout,
    maxResponseHead
  })
  t.teardown(() => client.close())
  const blame = new Blame({ failed: (_parent, { code }: Error & { code?: string }) => { failed.push(String(code)) }, worked: () => { worked++ } })
  return {
    parent,
    client,
    failed,
    worked: () => worked,
    dials: () => dials,
    send: async (login, { response = {}, fallback = false, handler: more = {}, ...request } = {}) => await new Promise(resolve => {
      const outcome: Outcome = { body: '', interim: [] }
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart () {},
        onResponseStart (_controller, status, headers) {
          if (status < 200) outcome.interim.push(status)
          else Object.assign(outcome, { status, headers })
        },
        onResponseData (_controller, chunk) { outcome.body += String(chunk) },
        onResponseEnd (_controller, trailers) { resolve({ ...outcome, trailers }) },
        onResponseError (_controller, error) { resolve({ ...outcome, error: error as never }) },
        ...more
      }
      const whole = { url: 'http://target.test/a', method: 'GET', authority: 'target.test', fields: ['Host', 'target.test', 'X-A', '1', 'Via', '1.1 gw'], content: null, requester, ...request }
      const exchange = new AbsoluteExchange({ client, blame }, client.account(parent, login), whole, handler, response as ServerResponse, ...(fallback ? [(failure: Error) => resolve({ ...outcome, error: failure as never, otherwise: true })] : []))
      exchange.begin()
    })
  }
}

async function * contentFrom (...chunks: Array<string | Buffer>): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk as Buffer)
}

/** A user on a client connection. */
const requesterOn = (socket: object, headers = {}) => ({ raw: { httpVersion: '1.1', headers, socket } as unknown as IncomingMessage, name: 'alice' })
const requester = requesterOn(new EventEmitter())

/** NTLM's way: three messages, on one connection. */
function threeLegs (more: Partial<Legs> = {}, login: Partial<Login> = {}): MadeUpLogin {
  return madeUpLogin(() => ({ first: 'Legs 1', next: ['Legs 3'], ready: sent => sent === 'Legs 3', ...more }), { bindsConnection: true, ready: false, ...login })
}

/** A parent that authenticates connections with three messages. */
async function bindingParent (t: Test, respond: ParentResponds = (_request, response) => { response.end('in') }): Promise<ParentProxy> {
  const known = new WeakSet<Socket>()
  const half = new WeakSet<Socket>()
  return await parentProxy(t, (request, response, seen) => {
    const { socket, headers: { 'proxy-authorization': credentials } } = request
    if (credentials === 'Legs 3' && half.has(socket)) known.add(socket)
    if (known.has(socket)) return respond(request, response, seen)
    if (credentials === 'Legs 1') half.add(socket)
    request.resume()
    challenge(response, credentials === 'Legs 1' ? 'Legs 2' : 'Legs')
  })
}

/** What each request was: its method, its credentials, its connection. */
const shortly = ({ seen }: ParentProxy) => seen.map(({ line, fields, connection }) => `${line.split(' ')[0]} ${String(fields['proxy-authorization'] ?? '-')} ${connection}`)

t.test('a request to a parent: it is in absolute-form, with the fields as they are and the credentials', async t => {
  const { port, seen } = await parentProxy(t)
  const { send, worked } = lab(t, port)
  t.match(await send(madeUpLogin(() => ({ first: 'Made-Up 1' }))), { status: 200, body: 'target' })
  t.match(seen, [{ line: 'GET http://target.test/a', rawHeaders: ['host', 'target.test', 'connection', 'keep-alive', 'X-A', '1', 'Via', '1.1 gw', 'Proxy-Authorization', 'Made-Up 1'] }])
  t.equal(worked(), 1)
})

t.test('a parent that asks: its 407 goes no further, and the next credentials are sent on the same connection', async t => {
  const { port, seen } = await parentProxy(t, ({ headers }, response) => {
    if (headers['proxy-authorization'] === 'Made-Up 2') response.end('in')
    else challenge(response, ['Made-Up realm="a"', 'Other b'])
  })
  const { send } = lab(t, port)
  for (const slow of [false, true]) {
    const login = madeUpLogin(() => ({ next: ['Made-Up 1', 'Made-Up 2'], slow }))
    seen.length = 0
    t.match(await send(login), { status: 200, body: 'in' })
    t.strictSame(seen.map(({ fields }) => fields['proxy-authorization']), [undefined, 'Made-Up 1', 'Made-Up 2'])
    t.equal(new Set(seen.map(({ connection }) => connection)).size, 1)
    t.strictSame(login.challenges, [['Made-Up realm="a"', 'Other b'], ['Made-Up realm="a"', 'Other b']])
    t.strictSame(login.requests, [{ method: 'GET', uri: 'http://target.test/a', authority: 'target.test', content: false, certificate: undefined }])
    t.equal(login.successes, 1)
  }
})

t.test('a parent that refuses: the failure names it and the account, and it is not blamed', async t => {
  const { port } = await parentProxy(t, (_request, response) => challenge(response, 'Made-Up'))
  const { send, failed, worked } = lab(t, port)
  const login = madeUpLogin(() => ({ first: 'Made-Up secret' }))
  const { error } = await send(login, { fallback: true })
  t.match(error, { code: 'FST_PROXY_AUTH_PARENT_REFUSED', parent: 'parent-1', account: login.account })
  t.match((await send(ANONYMOUS)).error, { code: 'FST_PROXY_AUTH_PARENT_REFUSED', account: 'none' })
  t.strictSame([failed, worked()], [[], 2])
})

t.test('credentials that cannot be had: the failure is theirs', async t => {
  const { port } = await parentProxy(t)
  const { send } = lab(t, port)
  const failure = Object.assign(new Error('no'), { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS', statusCode: 500 })
  t.equal((await send(madeUpLogin(() => ({ first: failure })))).error, failure)
  t.equal(failure['parent' as 'name'], 'parent-1')
})

t.test('interim responses: they go on, and the parent may still ask behind them', async t => {
  const { port } = await parentProxy(t, ({ headers }, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' })
    if (headers['proxy-authorization'] === undefined) challenge(response, 'Made-Up')
    else response.end('in')
  })
  t.match(await lab(t, port).send(madeUpLogin(() => ({ next: ['Made-Up 1'] }))), { status: 200, body: 'in', interim: [103, 103] })
})

t.test('a 407 without a challenge, or with five on one line: the account is asked whether it knows one', async t => {
  const { port } = await parentProxy(t, (_request, response) => {
    response.writeHead(407, { 'X-Ample': '1' }).end()
  })
  const login = madeUpLogin(() => ({ next: ['Made-Up 1'] }))
  t.match((await lab(t, port).send(login)).error, { code: 'FST_PROXY_AUTH_PARENT_REFUSED' })
  t.strictSame(login.challenges, [[], []])
})

t.test('a parent that has another challenge for ever: it has refused when the account has nothing more to say', async t => {
  let nonce = 0
  const { port, seen } = await parentProxy(t, (_request, response) => challenge(response, `Made-Up nonce=${++nonce}`))
  t.match((await lab(t, port).send(madeUpLogin(() => ({ next: ['1', '2', '3'] })))).error, { code: 'FST_PROXY_AUTH_PARENT_REFUSED' })
  t.equal(seen.length, 4)
})

t.test('the content of a 407 that is long, that never ends, or that is shorter than it says: it is dropped, and the next credentials are sent', async t => {
  const contents: Array<(response: ServerResponse) => void> = [
    response => response.end(Buffer.alloc(1_000_000)),
    response => response.write('and'),
    response => { response.write('and', () => response.socket!.destroy()) },
    response => { response.write('and', () => response.socket!.resetAndDestroy()) }
  ]
  for (const binds of [false, true]) {
    for (const content of contents) {
      const parent = await parentProxy(t, ({ headers }, response) => {
        if (headers['proxy-authorization'] !== undefined) return response.end('in')
        content(response.writeHead(407, { 'Proxy-Authenticate': 'Made-Up', 'Content-Length': '1000000' }))
      })
      t.match(await lab(t, parent.port).send(madeUpLogin(() => ({ next: ['Made-Up 1'] }), { bindsConnection: binds })), { status: 200, body: 'in' })
      t.strictSame(shortly(parent), ['GET - 1', 'GET Made-Up 1 2'])
      await until(() => parent.open.size <= 1)
    }
  }
})

t.test('content for an account that is ready: it is streamed with the first credentials', async t => {
  const parent = await parentProxy(t, async (request, response) => { response.end(await contentOf(request)) })
  t.match(await lab(t, parent.port).send(madeUpLogin(() => ({ first: 'Made-Up 1' })), { method: 'POST', content: contentFrom('a', 'b') }), { status: 200, body: 'ab' })
  t.strictSame(shortly(parent), ['POST Made-Up 1 1'])
})

const notReady = (more: Partial<Legs> = {}) => madeUpLogin(() => ({ next: ['Made-Up 1'], ready: sent => sent !== null, ...more }), { ready: false })

t.test('content for an account that is not ready: the parent is asked first, with nothing of the client', async t => {
  const parent = await parentProxy(t, async (request, response) => {
    const content = await contentOf(request)
    if (request.headers['proxy-authorization'] === undefined) challenge(response, 'Made-Up')
    else response.end(content)
  })
  const fields = ['Cookie', 'a', 'Authorization', 'b', 'Host', 'target.test', 'Via', '1.0 x', 'Via', '1.1 gw']
  const login = notReady()
  t.match(await lab(t, parent.port).send(login, { method: 'POST', content: contentFrom('a', 'b'), fields }), { status: 200, body: 'ab' })
  t.strictSame(shortly(parent), ['OPTIONS - 1', 'POST Made-Up 1 1'])
  t.strictSame(parent.seen[0]!.rawHeaders, ['host', 'target.test', 'connection', 'keep-alive', 'Via', '1.0 x', 'Via', '1.1 gw', 'Max-Forwards', '0'])
  t.equal(parent.seen[0]!.line, 'OPTIONS http://target.test/a')
  t.match(login.requests, [{ method: 'POST', content: true }])
})

t.test('a parent that responds to a limited request before it looks at credentials: it is asked without the limit', async t => {
  const parent = await parentProxy(t, async (request, response) => {
    const content = await contentOf(request)
    if (request.headers['max-forwards'] === '0') response.writeHead(501).end()
    else if (request.headers['proxy-authorization'] === undefined) challenge(response, 'Made-Up')
    else response.end(content)
  })
  t.match(await lab(t, parent.port).send(notReady(), { method: 'PUT', content: contentFrom('ab') }), { status: 200, body: 'ab' })
  t.strictSame(shortly(parent), ['OPTIONS - 1', 'OPTIONS - 1', 'PUT Made-Up 1 1'])
})

t.test('a parent that does not ask after all: the content is sent, and nothing that the parent said before goes on', async t => {
  const parent = await parentProxy(t, async (request, response) => {
    if (request.method === 'OPTIONS') response.writeEarlyHints({ link: '</a>; rel=preload' })
    response.end(await contentOf(request))
  })
  for (const login of [notReady(), threeLegs()]) {
    t.match(await lab(t, parent.port).send(login, { method: 'POST', content: contentFrom('ab') }), { status: 200, body: 'ab', interim: [] })
    t.strictSame(shortly(parent).map(text => text.split(' ')[0]), ['OPTIONS', 'OPTIONS', 'POST'])
    t.equal(login.successes, 1)
    parent.seen.length = 0
  }
})

t.test('content that is under way when the parent asks: it is sent again from its start, up to a limit', async t => {
  const half = Buffer.alloc(500_000, 'x')
  for (const early of [true, false]) {
    const parent = await parentProxy(t, async (request, response) => {
      const isFirst = request.headers['proxy-authorization'] === 'Made-Up 0'
      if (isFirst && early) return challenge(response, 'Made-Up')
      const content = await contentOf(request).catch(() => Buffer.alloc(0))
      if (isFirst) challenge(response, 'Made-Up')
      else response.end(String(content.length))
    })
    const { send } = lab(t, parent.port)
    const login = () => madeUpLogin(() => ({ first: 'Made-Up 0', next: ['Made-Up 1'] }))
    t.match(await send(login(), { method: 'POST', content: contentFrom(half, half) }), { status: 200, body: '1000000' })
    t.strictSame(shortly(parent).map(text => text.slice(0, -2)), ['POST Made-Up 0', 'POST Made-Up 1'])
    if (early) continue
    t.match((await send(login(), { method: 'POST', content: contentFrom(half, half, half) })).error, { code: 'FST_PROXY_AUTH_PARENT_CONTENT', parent: 'parent-1' })
  }
})

t.test('content of which some is still to come when the parent asks: all of it is sent', async t => {
  let more!: () => void
  const asked = new Promise<void>(resolve => { more = resolve })
  const parent = await parentProxy(t, async (request, response) => {
    if (request.headers['proxy-authorization'] === 'Made-Up 0') return challenge(response, 'Made-Up')
    request.once('data', more)
    response.end(await contentOf(request))
  })
  async function * content () {
    yield Buffer.from('a')
    await asked
    yield Buffer.from('b')
  }
  t.match(await lab(t, parent.port).send(madeUpLogin(() => ({ first: 'Made-Up 0', next: ['Made-Up 1'] })), { method: 'POST', content: content() }), { status: 200, body: 'ab' })
})

t.test('an account that is known by its connection: each connection has one handshake, and one request at a time', async t => {
  const parent = await bindingParent(t)
  const { send } = lab(t, parent.port)
  const login = threeLegs()
  for (let i = 0; i < 2; i++) t.match(await send(login), { status: 200, body: 'in' })
  t.match(await send(login, { method: 'HEAD' }), { status: 200, body: '' })
  t.match(await send(login, { method: 'POST', content: contentFrom('a') }), { status: 200 })
  t.strictSame(shortly(parent), ['GET Legs 1 1', 'GET Legs 3 1', 'GET - 1', 'HEAD - 1', 'POST - 1'])
  t.match(await Promise.all([send(login), send(login), send(login)]), [{ status: 200 }, { status: 200 }, { status: 200 }])
  t.equal(parent.open.size, 3)
  t.equal(login.requests.length, 3)
})

t.test('two accounts that are known by their connections: neither gets the other\'s', async t => {
  const parent = await bindingParent(t)
  const { send } = lab(t, parent.port)
  const [one, two] = [threeLegs(), threeLegs()]
  for (const login of [one, two, one, two]) await send(login)
  t.strictSame(parent.seen.map(({ connection }) => connection), [1, 1, 2, 2, 1, 2])
})

t.test('two accounts whose requests come in any order: each connection serves one of them', async t => {
  const names = new WeakMap<Socket, string>()
  const wrong: string[] = []
  const served = new Map<number, Set<string>>()
  const parent = await parentProxy(t, (request, response, { connection }) => {
    const [, name, leg] = request.headers['proxy-authorization']?.split(' ') ?? []
    if (leg === '3') names.set(request.socket, name!)
    if (leg === '1' || !names.has(request.socket)) return challenge(response, 'Legs 2')
    const asked = request.url!.split('/').at(-1)!
    served.set(connection, (served.get(connection) ?? new Set()).add(asked))
    if (names.get(request.socket) !== asked) wrong.push(`${names.get(request.socket)} for ${asked}`)
    setTimeout(() => response.end(asked), Math.random() * 3)
  })
  const { send } = lab(t, parent.port)
  const logins = ['alice', 'bob'].map(name => [name, madeUpLogin(() => ({ first: `Legs ${name} 1`, next: [`Legs ${name} 3`] }), { bindsConnection: true, ready: false })] as const)
  const one = async () => {
    for (let i = 0; i < 20; i++) {
      const [name, login] = logins[Math.floor(Math.random() * 2)]!
      t.match(await send(login, { url: `http://target.test/${name}` }), { status: 200, body: name })
    }
  }
  await Promise.all(Array.from({ length: 20 }, one))
  t.strictSame(wrong, [])
  t.strictSame([...served.values()].filter(users => users.size > 1), [])
  await until(() => parent.open.size <= 16)
})

t.test('content on a new connection that has to be authenticated: what leads to it has none', async t => {
  const parent = await bindingParent(t, async (request, response) => { response.end(await contentOf(request)) })
  const { send } = lab(t, parent.port)
  t.match(await send(threeLegs(), { method: 'POST', content: contentFrom('a', 'b') }), { status: 200, body: 'ab' })
  t.strictSame(shortly(parent), ['OPTIONS Legs 1 1', 'POST Legs 3 1'])
})

t.test('an account whose last leg is not known to be the last: the content is sent when the parent has let the question pass', async t => {
  const parent = await bindingParent(t, async (request, response) => { response.end(await contentOf(request)) })
  const login = threeLegs({ ready: () => false })
  t.match(await lab(t, parent.port).send(login, { method: 'POST', content: contentFrom('a', 'b') }), { status: 200, body: 'ab' })
  t.strictSame(shortly(parent), ['OPTIONS Legs 1 1', 'OPTIONS Legs 3 1', 'POST - 1'])
  t.equal(login.successes, 1)
})

t.test('a parent that closes the connection behind its first 407: the handshake is on the next', async t => {
  const parent = await bindingParent(t)
  parent.server.prependListener('request', ({ headers }, response) => { if (headers['proxy-authorization'] === undefined) response.setHeader('Connection', 'close') })
  const { send } = lab(t, parent.port)
  t.match(await send(threeLegs({ first: null, next: ['Legs 1', 'Legs 3'] })), { status: 200, body: 'in' })
  t.strictSame(shortly(parent), ['GET - 1', 'GET Legs 1 2', 'GET Legs 3 2'])
})

t.test('a parent that closes within the handshake: it is begun anew, a limited number of times', async t => {
  for (const [how, closes] of [['clean', 1], ['clean', 9], ['cut', 1], ['cut', 9]] as const) {
    let left = closes as number
    const parent = await bindingParent(t)
    parent.server.prependListener('request', ({ headers, socket }, response) => {
      if (headers['proxy-authorization'] !== 'Legs 1' || left-- <= 0) return
      if (how === 'clean') response.setHeader('Connection', 'close')
      else response.once('finish', () => socket.destroySoon())
    })
    const { send, failed } = lab(t, parent.port)
    const outcome = await send(threeLegs())
    if (closes === 1) t.match(outcome, { status: 200, body: 'in' })
    else t.match(outcome.error, { code: 'FST_PROXY_AUTH_PARENT_PROTOCOL', parent: 'parent-1' })
    t.ok(parent.seen.length <= 4)
    await until(() => parent.open.size === (closes === 1 ? 1 : 0))
    t.strictSame(failed, closes === 1 ? [] : ['FST_PROXY_AUTH_PARENT_PROTOCOL'])
  }
})

t.test('a parent whose 407 within the handshake is cut off: it is begun anew', async t => {
  const parent = await bindingParent(t)
  parent.server.prependOnceListener('request', ({ socket }, response) => {
    response.writeHead(407, { 'Proxy-Authenticate': 'Legs 2', 'Content-Length': '9' }).write('a', () => socket.destroy())
    response.writeHead = () => response
    response.end = () => response
  })
  t.match(await lab(t, parent.port).send(threeLegs()), { status: 200, body: 'in' })
  t.strictSame(shortly(parent).map(text => text.slice(0, -2)), ['GET Legs 1', 'GET Legs 1', 'GET Legs 3'])
})

t.test('a parent that closes the connection that was authenticated for the content: another is', async t => {
  const parent = await bindingParent(t, async (request, response) => {
    if (request.headers['proxy-authorization'] === 'Legs 3' && parent.seen.length === 2) response.setHeader('Connection', 'close')
    response.end(await contentOf(request))
  })
  const login = threeLegs({ ready: () => false })
  t.match(await lab(t, parent.port).send(login, { method: 'POST', content: contentFrom('a', 'b') }), { status: 200, body: 'ab' })
  t.strictSame(shortly(parent), ['OPTIONS Legs 1 1', 'OPTIONS Legs 3 1', 'OPTIONS Legs 1 2', 'OPTIONS Legs 3 2', 'POST - 2'])
})

t.test('a kept connection that the parent knows no more, or has closed: it is authenticated again, or another is', async t => {
  const parent = await bindingParent(t)
  const { send } = lab(t, parent.port)
  const login = threeLegs()
  await send(login)
  await send(login)
  parent.server.prependOnceListener('request', (_request, response) => { challenge(response, 'Legs'); response.end = () => response })
  t.match(await send(login), { status: 200, body: 'in' })
  t.strictSame(shortly(parent).slice(3), ['GET - 1', 'GET Legs 1 1'])
  t.match(await send(login), { status: 200, body: 'in' })
  t.strictSame(shortly(parent).slice(5), ['GET - 1'])
  parent.seen.length = 0
  for (const socket of parent.open) socket.destroy()
  t.match(await send(login), { status: 200, body: 'in' })
  t.strictSame(shortly(parent), ['GET Legs 1 2', 'GET Legs 3 2'])
})

t.test('a parent that wants the credentials with each request: it gets them, once that is known', async t => {
  const parent = await parentProxy(t, async (request, response) => {
    const content = await contentOf(request).catch(() => '')
    if (request.headers['proxy-authorization'] === undefined) challenge(response, 'Legs')
    else response.end(content)
  })
  const { send } = lab(t, parent.port)
  const login = madeUpLogin(() => ({ first: 'Legs 1' }), { bindsConnection: true })
  const post = { method: 'POST', content: contentFrom('ab') } as const
  t.match(await send(login), { status: 200 })
  t.match(await send(login, post), { status: 200, body: 'ab' })
  t.match(await send(login, { ...post, content: contentFrom('cd') }), { status: 200, body: 'cd' })
  t.strictSame(shortly(parent), ['GET Legs 1 1', 'POST - 1', 'POST Legs 1 1', 'POST Legs 1 1'])
})

t.test('a kept connection that ends without a word of a response: what may be sent twice is sent on another', async t => {
  const parent = await bindingParent(t)
  const { send } = lab(t, parent.port)
  const login = threeLegs()
  for (const method of ['GET', 'POST']) {
    await send(login)
    parent.server.prependOnceListener('request', ({ socket }, response) => { socket.destroy(); response.end = () => response })
    const outcome = await send(login, { method })
    if (method === 'GET') t.match(outcome, { status: 200, body: 'in' })
    else t.match(outcome.error, { code: 'FST_PROXY_AUTH_PARENT_PROTOCOL' })
  }
})

t.test('a shared connection that ends without a word of a response: what may be sent twice is sent on another, once', async t => {
  for (const method of ['GET', 'POST']) {
    const parent = await parentProxy(t)
    const { send, dials } = lab(t, parent.port)
    const login = madeUpLogin(() => ({ first: 'Made-Up 1' }))
    await send(login)
    for (let i = 0; i < 5; i++) await new Promise(resolve => { setImmediate(resolve) }) // undici looks whether it is kept
    parent.server.prependOnceListener('request', ({ socket }, response) => { socket.destroy(); response.end = () => response })
    const outcome = await send(login, { method })
    if (method === 'GET') t.match(outcome, { status: 200 })
    else t.match(outcome.error, { code: 'FST_PROXY_AUTH_PARENT_PROTOCOL', parent: 'parent-1' })
    t.equal(dials(), method === 'GET' ? 2 : 1)
  }
})

t.test('a parent that cannot be reached: it is blamed, and another way is taken where there is one', async t => {
  const port = await closedPort()
  for (const login of [ANONYMOUS, threeLegs(), notReady()]) {
    const { send, failed } = lab(t, port)
    t.match((await send(login)).error, { code: 'FST_PROXY_AUTH_PARENT_UNREACHABLE', parent: 'parent-1' })
    const content = contentFrom('a')
    t.match(await send(login, { fallback: true, content, method: 'POST' }), { otherwise: true, error: { code: 'FST_PROXY_AUTH_PARENT_UNREACHABLE' } })
    t.match(await content.next(), { value: Buffer.from('a') }, 'it is still there')
    t.strictSame(failed, ['FST_PROXY_AUTH_PARENT_UNREACHABLE', 'FST_PROXY_AUTH_PARENT_UNREACHABLE'])
  }
})

t.test('a parent that fails after the request was sent: no other way is taken', async t => {
  const answers: Array<[string, (socket: Socket) => void, string]> = [
    ['hangs', () => {}, 'PARENT_TIMEOUT'],
    ['closes', socket => socket.destroy(), 'PARENT_PROTOCOL'],
    ['resets in the head', socket => { socket.write('HTTP/1.1 200 OK\r\nX-A', () => socket.resetAndDestroy()) }, 'PARENT_PROTOCOL'],
    ['speaks another protocol', socket => socket.write('\x15\x03\x01\0\x02\x02\x0a'), 'PARENT_PROTOCOL'],
    ['has two lengths', socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na'), 'PARENT_PROTOCOL'],
    ['goes on for ever', socket => socket.write(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(1_048_576)}`), 'UPSTREAM_HEAD_TOO_LARGE']
  ]
  for (const [what, answer, code] of answers) {
    const parent = await rawOrigin(t, answer)
    const { send, failed } = lab(t, parent.port, what === 'hangs' ? { headersTimeout: 50 } : {})
    for (const login of [madeUpLogin(() => ({ first: 'Made-Up 1' })), madeUpLogin(() => ({ first: 'Made-Up 1' }), { bindsConnection: true })]) {
      t.match((await send(login, { fallback: true })).error, { code: `FST_PROXY_AUTH_${code}`, parent: 'parent-1' }, what)
    }
    t.strictSame(failed, code === 'UPSTREAM_HEAD_TOO_LARGE' ? [] : Array(2).fill(`FST_PROXY_AUTH_${code}`), what)
    await until(() => parent.open.size === 0)
  }
})

t.test('a parent that fails while it is asked before content: another way is taken where there is one', async t => {
  const parent = await rawOrigin(t, socket => socket.destroy())
  const { send, failed } = lab(t, parent.port)
  for (const login of [notReady(), threeLegs()]) {
    t.match((await send(login, { content: contentFrom('a'), method: 'POST' })).error, { code: 'FST_PROXY_AUTH_PARENT_PROTOCOL' })
    const content = contentFrom('a')
    t.match(await send(login, { fallback: true, content, method: 'POST' }), { otherwise: true, error: { code: 'FST_PROXY_AUTH_PARENT_PROTOCOL' } })
    t.match(await content.next(), { value: Buffer.from('a') }, 'it is still there')
  }
  t.equal(failed.length, 4)
})

t.test('a response that comes in single octets, or is a 301: it is as any', async t => {
  const parent = await rawOrigin(t, socket => {
    const octets = 'HTTP/1.1 301 Moved\r\nLocation: /b\r\nProxy-Authenticate: Made-Up\r\nContent-Length: 3\r\n\r\nabc'
    const next = (at: number) => { socket.write(octets[at]!, () => { if (at + 1 < octets.length) setImmediate(next, at + 1) }) }
    socket.setNoDelay(true)
    next(0)
  })
  t.match(await lab(t, parent.port).send(madeUpLogin(() => ({ first: 'Made-Up 1' }))), { status: 301, headers: { location: '/b' }, body: 'abc' })
})

t.test('a response that is cut off: the parent is not blamed, as it may be the target that was', async t => {
  const parent = await rawOrigin(t, socket => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na', () => socket.destroy()) })
  const { send, failed } = lab(t, parent.port)
  t.match(await send(ANONYMOUS), { status: 200, body: 'a', error: { code: 'FST_PROXY_AUTH_PARENT_PROTOCOL' } })
  t.strictSame(failed, [])
})

t.test('a response that proves the parent: it goes on when that is verified, and not before', async t => {
  const rows = [['GET', 200, 'target'], ['HEAD', 200, ''], ['GET', 304, '']] as const
  for (const [method, status, body] of rows) {
    for (const binds of [false, true]) {
      const parent = await parentProxy(t, (_request, response) => {
        response.writeHead(status, { 'Proxy-Authentication-Info': ['rspauth="a"', 'b=c'], 'Proxy-Authenticate': 'Made-Up d', 'X-A': '1' }).end('target')
      })
      const events: unknown[] = []
      let verify!: () => void
      const succeeded = async (...proof: unknown[]) => {
        events.push(proof)
        await new Promise<void>(resolve => { verify = resolve })
        events.push('verified')
      }
      const outcome = lab(t, parent.port).send(madeUpLogin(() => ({ first: 'Made-Up 1', succeeded }), { bindsConnection: binds }), {
        method, handler: { onResponseStart: (_controller, status) => { events.push(status) } }
      })
      await until(() => events.length === 1)
      for (let i = 0; i < 5; i++) await new Promise(resolve => { setImmediate(resolve) })
      verify()
      t.match(await outcome, { body })
      t.strictSame(events, [[['rspauth="a"', 'b=c'], ['Made-Up d']], 'verified', status])
    }
  }
})

t.test('a parent that does not prove what it must: nothing of its response goes on, and its connection is not kept', async t => {
  for (const later of [false, true]) {
    for (const method of ['GET', 'HEAD']) {
      const parent = await parentProxy(t)
      const fail = () => { throw new ParentUnproven() }
      const succeeded = later ? async () => { await new Promise(resolve => { setImmediate(resolve) }); fail() } : fail
      const { send, failed } = lab(t, parent.port)
      const { error, status } = await send(madeUpLogin(() => ({ first: 'Made-Up 1', succeeded }), { bindsConnection: true }), { method })
      t.match(error, { code: 'FST_PROXY_AUTH_PARENT_UNPROVEN', parent: 'parent-1' })
      t.strictSame([status, failed], [undefined, []])
      await until(() => parent.open.size === 0)
    }
  }
})

t.test('what cannot be made of a response: it is the failure of the exchange, also behind a proof', async t => {
  const { port } = await parentProxy(t)
  for (const succeeded of [async () => {}, () => {}]) {
    const handler = { onResponseStart () { throw Object.assign(new Error('no'), { code: 'ERR_INVALID_CHAR' }) } }
    t.match((await lab(t, port).send(madeUpLogin(() => ({ succeeded })), { handler })).error, { code: 'FST_PROXY_AUTH_PARENT_PROTOCOL' })
  }
})

t.test('a client that leaves while the proof is verified: nothing goes on', async t => {
  for (const proves of [true, false]) {
    const parent = await parentProxy(t)
    let controller!: Dispatcher.DispatchController
    let verify!: () => void
    const succeeded = () => new Promise<void>((resolve, reject) => { verify = () => proves ? resolve() : reject(new ParentUnproven()) })
    const outcome = lab(t, parent.port).send(madeUpLogin(() => ({ succeeded })), { handler: { onRequestStart: its => { controller = its } } })
    await until(() => verify !== undefined)
    controller.abort(new ClientLeft('response'))
    const { status, error } = await outcome
    verify()
    await new Promise(resolve => { setImmediate(resolve) })
    t.match(error, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
    t.equal(status, undefined)
    await until(() => parent.open.size === 0)
  }
})

t.test('a client that leaves between two legs: the connection of the handshake is closed, and nothing more is sent', async t => {
  const parent = await bindingParent(t)
  const { send, client } = lab(t, parent.port)
  const response = { destroyed: false }
  const content = contentFrom('a')
  const login = threeLegs()
  const { attempt } = login
  login.attempt = request => ({ ...attempt(request), ready: false, next: async () => { response.destroyed = true; return { 'proxy-authorization': 'Legs 3' } } })
  send(login, { response, content, method: 'POST' }) // never settles: there is no client to tell
  await until(() => response.destroyed && parent.open.size === 0)
  t.strictSame(shortly(parent), ['OPTIONS Legs 1 1'])
  t.match(await content.next(), { done: true })
  await client.close()
})

t.test('a client that leaves while the parent asks: the account is not asked for more', async t => {
  const response = { destroyed: false }
  const parent = await parentProxy(t, (_request, its) => { response.destroyed = true; challenge(its, 'Made-Up') })
  const login = madeUpLogin(() => ({ next: ['Made-Up 1'] }), { bindsConnection: true })
  lab(t, parent.port).send(login, { response })
  await until(() => parent.seen.length === 1 && parent.open.size === 0)
  t.strictSame(login.challenges, [])
})

t.test('a client that has left when the connection stands: the connection is closed', async t => {
  const parent = await bindingParent(t)
  const response = { destroyed: false }
  const connected = once(parent.server, 'connection')
  lab(t, parent.port).send(threeLegs(), { response })
  response.destroyed = true
  await connected
  await until(() => parent.open.size === 0)
  t.strictSame(parent.seen, [])
})

t.test('trailers of a response: they go on, and prove nothing', async t => {
  const { port } = await parentProxy(t, (_request, response) => {
    response.writeHead(200, { Trailer: 'X-T, Proxy-Authentication-Info' })
    response.addTrailers({ 'X-T': '1', 'Proxy-Authentication-Info': 'rspauth="a"' })
    response.end('a')
  })
  const proofs: unknown[] = []
  const outcome = await lab(t, port).send(madeUpLogin(() => ({ succeeded: info => { proofs.push(info) } })))
  t.match(outcome, { trailers: { 'x-t': '1' } })
  t.strictSame(proofs, [[]])
})

t.test('a target that authenticates the connection: through the parent it belongs to the client connection too', async t => {
  const parent = await parentProxy(t)
  const { send } = lab(t, parent.port)
  const [one, two] = [requesterOn(new EventEmitter()), requesterOn(new EventEmitter())]
  const fields = ['Host', 'target.test', 'Authorization', 'NTLM TlRM']
  for (const login of [madeUpLogin(() => ({ first: 'Made-Up 1' })), madeUpLogin(() => ({ first: 'Made-Up 1' }), { bindsConnection: true })]) {
    parent.seen.length = 0
    await send(login, { requester: one, fields })
    await send(login, { requester: two, fields })
    await send(login, { requester: one })
    await send(login, { requester: two })
    await send(login, { requester: requesterOn(new EventEmitter()) })
    const [a, b, c, d, e] = parent.seen.map(({ connection }) => connection)
    t.strictSame([a === c, b === d, new Set([a, b, e]).size], [true, true, 3])
  }
  const own = parent.open.size
  one.raw.socket.emit('close')
  await until(() => parent.open.size === own - 2)
})

t.test('a target that authenticates a connection of which it is not known whose it is: that serves one request', async t => {
  const parent = await parentProxy(t)
  const { send } = lab(t, parent.port)
  await send(madeUpLogin(() => ({ first: 'Made-Up 1' })), { requester: requesterOn(new EventEmitter(), { via: '1.1 x' }), fields: ['Host', 'target.test', 'Authorization', 'Negotiate a'] })
  await until(() => parent.seen.length === 1 && parent.open.size === 0)
})
