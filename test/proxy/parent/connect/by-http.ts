import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { ParentCredentialsFailed, ParentUnproven } from '../../../../lib/errors.js'
import type { Parent } from '../../../../lib/policy/parent/parent.js'
import { connectByHttp } from '../../../../lib/proxy/parent/connect/by-http.js'
import type { ThroughOptions } from '../../../../lib/proxy/parent/connect/by-http.js'
import { undertake } from '../../../../lib/proxy/parent/connect/effort.js'
import type { Login } from '../../../../lib/proxy/parent/login/login.js'
import { certificate, openssl } from '../../../fixtures/certificate.js'
import { closedPort } from '../../../fixtures/closed-port.js'
import { fakeParent, inTurn } from '../../../fixtures/fake-parent.js'
import type { FakeParent } from '../../../fixtures/fake-parent.js'
import { parentAt } from '../../../fixtures/parent.js'
import { noLogin, scriptedLogin } from '../../../fixtures/scripted-login.js'
import { until } from '../../../fixtures/until.js'

const OPTIONS = { connectTimeout: 60_000, headersTimeout: 60_000, maxResponseHead: 2000, own: () => [] }
const TO = { host: 'origin.test', port: 443, fields: ['Via', '1.1 gw', 'User-Agent', 'x'] }
const OK = 'HTTP/1.1 200 OK\r\n\r\n'
const KEPT = 'HTTP/1.1 407 x\r\nProxy-Authenticate: Scripted\r\nContent-Length: 4\r\n\r\nbody'
const CLOSING = KEPT.replace('Content', 'Connection: close\r\nContent')
const REFUSED = { code: 'FST_PROXY_AUTH_PARENT_REFUSED', statusCode: 502, parent: 'parent-1', account: 'account#1' }
const PROTOCOL = { code: 'FST_PROXY_AUTH_PARENT_PROTOCOL', statusCode: 502, parent: 'parent-1' }

interface Connected {
  readonly socket: Promise<Socket>
  readonly giveUp: () => void
  /** How often the parent has said something. */
  responses: number
}

function begin (t: Test, parent: Parent, login: Login = noLogin(), options: Partial<ThroughOptions> = {}, to = TO): Connected {
  const self = { responses: 0 } as Connected
  const socket = new Promise<Socket>((resolve, reject) => {
    const steps = connectByHttp.bind(null, parent, login, to)
    Object.assign(self, {
      giveUp: undertake(effort => steps(effort, { ...OPTIONS, ...options }, () => { self.responses += 1 }), cause => cause as Error, (failure, opened) => {
        if (failure !== null) return reject(failure)
        t.teardown(() => { opened!.destroy() })
        resolve(opened!)
      })
    })
  })
  return Object.assign(self, { socket })
}

const connect = async (t: Test, { port }: Pick<FakeParent, 'port'>, login?: Login, options?: Partial<ThroughOptions>): Promise<Socket> =>
  await begin(t, parentAt(port), login, options).socket

/** What comes back of `text`, so that it is known where it went. */
async function echoed (socket: Socket, text: string): Promise<string> {
  let back = ''
  socket.setEncoding('latin1').on('data', chunk => { back += chunk }).write(text)
  await until(() => back.endsWith(text))
  return back
}

/** The value of a field in each head. */
const values = ({ heads }: FakeParent, name: string): Array<string | undefined> => heads.map(head => new RegExp(`^${name}: (.*)\r$`, 'm').exec(head)?.[1])

t.test('a parent that asks for nothing: CONNECT says where to and no more than it is given, and what follows is the target\'s', async t => {
  const parent = await fakeParent(t, () => OK)
  const begun = begin(t, parentAt(parent.port))
  t.equal(await echoed(await begun.socket, 'ping'), 'ping')
  t.strictSame(parent.heads, ['CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\nVia: 1.1 gw\r\nUser-Agent: x\r\n\r\n'])
  t.equal(begun.responses, 1)
  await begin(t, parentAt(parent.port), noLogin(), {}, { ...TO, host: '2001:db8::1' }).socket
  t.match(parent.heads[1], /^CONNECT \[2001:db8::1\]:443 HTTP\/1\.1\r\nHost: \[2001:db8::1\]:443\r\n/)
})

t.test('a 200 as proxies write it: whatever its fields say of content, what is behind it is the target\'s', async t => {
  for (const head of [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'HTTP/1.1 200 Connection established\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n',
    'HTTP/1.0 200\r\n\r\n', 'HTTP/1.1 299 x\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'
  ]) {
    const parent = await fakeParent(t, () => `${head}hello `)
    t.equal(await echoed(await connect(t, parent), 'world'), 'hello world', head)
  }
})

t.test('a response that comes in single octets, with octets of the target right behind it: it is read as any', async t => {
  const parent = await fakeParent(t, (_head, { request }, socket) => {
    const text = request === 0 ? KEPT : `${OK}from the target`
    const send = (at: number): void => {
      if (at === text.length) return
      socket.write(text[at]!)
      setImmediate(send, at + 1)
    }
    send(0)
    return undefined
  })
  const socket = await connect(t, parent, scriptedLogin([null, 'one']))
  let text = ''
  socket.setEncoding('latin1').on('data', chunk => { text += chunk })
  await until(() => text === 'from the target')
  t.equal(parent.places[1]!.connection, 0)
})

t.test('a target that has spoken and ended before the 200 is read: both arrive', async t => {
  const parent = await fakeParent(t, (_head, _place, socket) => { socket.end(`${OK}bye`) })
  const login = scriptedLogin([null])
  const attempt = login.attempt.bind(login)
  const slow = { ...login, attempt: (request: Parameters<typeof attempt>[0]) => ({ ...attempt(request), succeeded: async () => { await new Promise(resolve => setTimeout(resolve, 20)) } }) }
  let text = ''
  for await (const chunk of await connect(t, parent, slow)) text += String(chunk)
  t.equal(text, 'bye')
})

t.test('credentials that are sent unasked: one leg, and the response is told of to the login', async t => {
  const parent = await fakeParent(t, () => 'HTTP/1.1 200 OK\r\nProxy-Authentication-Info: a=1\r\nproxy-authentication-info: b=2\r\nProxy-Authenticate: Negotiate x\r\n\r\n')
  const login = scriptedLogin(['Basic x'])
  await connect(t, parent, login)
  t.strictSame(values(parent, 'Proxy-Authorization'), ['Basic x'])
  t.strictSame(login.requests, [{ method: 'CONNECT', uri: 'origin.test:443', authority: 'origin.test:443', content: false, certificate: undefined }])
  t.strictSame(login.successes, [{ info: ['a=1', 'b=2'], challenges: ['Negotiate x'] }])
})

t.test('fields of a login: they stand in the place of ours', async t => {
  const parent = await fakeParent(t, () => OK)
  const login = scriptedLogin([])
  const attempt = login.attempt.bind(login)
  const signs = { ...login, attempt: (request: Parameters<typeof attempt>[0]) => ({ ...attempt(request), first: () => ({ 'x-amz-date': '1', 'user-agent': 'mine' }) }) }
  await connect(t, parent, signs)
  t.match(parent.heads[0], /\r\nVia: 1\.1 gw\r\nx-amz-date: 1\r\nuser-agent: mine\r\n\r\n$/)
})

t.test('a parent that asks, and keeps the connection: all legs are on it, and it is asked for as many as the login has', async t => {
  for (const refusal of [KEPT, KEPT.replace('Content-Length: 4\r\n\r\nbody', 'Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n')]) {
    const parent = await fakeParent(t, inTurn(refusal, refusal, OK))
    const login = scriptedLogin([null, 'one', 'two'], { bindsConnection: true })
    const begun = begin(t, parentAt(parent.port), login)
    t.equal(await echoed(await begun.socket, 'ping'), 'ping')
    t.strictSame(values(parent, 'Proxy-Authorization'), [undefined, 'one', 'two'])
    t.strictSame(parent.places.map(({ connection }) => connection), [0, 0, 0])
    t.strictSame(login.challenged, [[['Scripted'], ['Scripted']]])
    t.equal(begun.responses, 3)
  }
})

t.test('a parent that closes behind its refusal, says where its content ends in no way, or lies about that: the next leg is on a new connection', async t => {
  for (const refusal of [
    CLOSING, KEPT.replace('1.1', '1.0'), 'HTTP/1.1 407 x\r\nProxy-Authenticate: Scripted\r\n\r\nno end', KEPT.replace('body', 'body and more'),
    KEPT.replace(': 4', ': 9999999')
  ]) {
    const parent = await fakeParent(t, inTurn(refusal, OK))
    const login = scriptedLogin([null, 'one'])
    await connect(t, parent, login)
    t.strictSame(parent.places, [{ connection: 0, request: 0 }, { connection: 1, request: 0 }])
    t.equal(login.requests.length, 1, 'the same attempt')
    await until(() => parent.open.size === 1)
  }
})

t.test('a parent that says it keeps the connection, and closes or resets it: what was sent is sent once more on a new one', async t => {
  for (const how of ['end', 'resetAndDestroy'] as const) {
    const parent = await fakeParent(t, (_head, { connection, request }, socket) => {
      if (connection === 0 && request === 0) return KEPT
      if (connection === 1) return OK
      socket[how]()
      return undefined
    })
    await connect(t, parent, scriptedLogin([null, 'one']))
    t.strictSame(values(parent, 'Proxy-Authorization'), [undefined, 'one', 'one'], how)
  }
})

t.test('a login that binds its connection, and a parent that closes within it: it begins anew, once', async t => {
  const binds = () => scriptedLogin(['one', 'two'], { bindsConnection: true })
  const silent = (socket: Socket): undefined => { socket.end() }
  // The first connection is closed, the second is not.
  for (const within of [() => CLOSING, silent]) {
    const parent = await fakeParent(t, (_head, { connection, request }, socket) => {
      if (connection === 0) return request === 0 && within === silent ? KEPT : within(socket as never)
      return request === 0 ? KEPT : OK
    })
    const login = binds()
    await connect(t, parent, login)
    t.equal(login.requests.length, 2, 'another attempt')
    t.strictSame(values(parent, 'Proxy-Authorization').slice(-2), ['one', 'two'])
    t.equal(parent.places.at(-1)!.connection, 1)
  }
  // Each connection is closed.
  const refusing = await fakeParent(t, () => CLOSING)
  await t.rejects(connect(t, refusing, binds()), REFUSED)
  t.strictSame(refusing.places.map(({ connection }) => connection), [0, 1])
  const closing = await fakeParent(t, (_head, { request }, socket) => request === 0 ? KEPT : silent(socket))
  await t.rejects(connect(t, closing, binds()), PROTOCOL)
  t.strictSame(closing.places.map(({ connection }) => connection), [0, 0, 1, 1])
})

t.test('a login that binds its connection, and a parent that closes before anything was sent for it: it goes on with its first leg', async t => {
  const parent = await fakeParent(t, inTurn(CLOSING, KEPT, OK))
  const login = scriptedLogin([null, 'one', 'two'], { bindsConnection: true })
  await connect(t, parent, login)
  t.equal(login.requests.length, 1)
  t.strictSame(parent.places.map(({ connection }) => connection), [0, 1, 1])
})

t.test('a refusal that cannot be answered: the parent has refused the account, whatever it asks for and how often', async t => {
  for (const [login, challenge, legs] of [
    [noLogin(), 'Basic realm="x"', 1],
    [scriptedLogin(['one']), 'Basic realm="x"', 1],
    [scriptedLogin(['one', 'two']), undefined, 1],
    [scriptedLogin(['one', 'two']), 'A, B x="1", C realm="a", realm="b", D abc=, E', 2],
    [scriptedLogin([...'abcdefghijklmnop']), 'Digest nonce="ever another"', 12]
  ] as const) {
    const parent = await fakeParent(t, () => challenge === undefined ? KEPT.replace(/Proxy-Auth.*\r\n/, '') : KEPT.replace('Scripted', challenge))
    await t.rejects(connect(t, parent, login), REFUSED)
    t.equal(parent.heads.length, legs)
    await until(() => parent.open.size === 0)
  }
})

t.test('a parent that refuses the target: 403, 502, 503 and 504 keep their meaning, all others have none here', async t => {
  for (const status of [403, 502, 503, 504]) {
    const parent = await fakeParent(t, () => `HTTP/1.1 ${status} x\r\nContent-Length: 100\r\n\r\n`)
    const login = scriptedLogin(['one'])
    const begun = begin(t, parentAt(parent.port), login)
    await t.rejects(begun.socket, { code: 'FST_PROXY_AUTH_PARENT_DENIED', statusCode: status, receivedStatus: status, parent: 'parent-1' })
    t.equal(login.successes.length, 1, 'the login is told')
    t.equal(begun.responses, 1)
    await until(() => parent.open.size === 0)
  }
  for (const status of [301, 304, 400, 401, 404, 405, 429, 500, 599]) {
    const parent = await fakeParent(t, () => `HTTP/1.1 ${status} x\r\nLocation: http://elsewhere.test/\r\n\r\n`)
    await t.rejects(connect(t, parent), { ...PROTOCOL, receivedStatus: status })
    await until(() => parent.open.size === 0)
  }
})

t.test('what is no response, is too large or stops within: it is told from a refusal, and nothing stays open', async t => {
  for (const [response, cause] of [
    ['SSH-2.0-OpenSSH\r\n', 'UPSTREAM_PROTOCOL'],
    ['HTTP/1.1 200 OK\n\n', 'UPSTREAM_PROTOCOL'],
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', 'UPSTREAM_PROTOCOL'],
    [`HTTP/1.1 200 OK\r\n${`A: ${'b'.repeat(1000)}\r\n`.repeat(1000)}\r\n`, undefined]
  ] as const) {
    const parent = await fakeParent(t, (_head, _place, socket) => { socket.write(response) })
    const begun = begin(t, parentAt(parent.port))
    await t.rejects(begun.socket, cause === undefined
      ? { code: 'FST_PROXY_AUTH_UPSTREAM_HEAD_TOO_LARGE', parent: 'parent-1' }
      : { ...PROTOCOL, cause: { code: `FST_PROXY_AUTH_${cause}` } })
    t.equal(begun.responses, 0)
    await until(() => parent.open.size === 0)
  }
  for (const text of ['', 'HTTP/1.1 200 OK\r\n']) {
    for (const how of ['end', 'resetAndDestroy'] as const) {
      const parent = await fakeParent(t, (_head, _place, socket) => { socket.write(text, () => socket[how]()) })
      await t.rejects(connect(t, parent), { ...PROTOCOL, cause: { code: 'FST_PROXY_AUTH_UPSTREAM_TERMINATED' } })
    }
  }
})

t.test('a parent that cannot be reached, at once or for a later leg: it says so', async t => {
  await t.rejects(begin(t, parentAt(await closedPort())).socket, { code: 'FST_PROXY_AUTH_PARENT_UNREACHABLE', parent: 'parent-1' })
})

t.test('a parent that is silent, drips, or goes on saying 407: one limit holds for all legs together', async t => {
  const late = { code: 'FST_PROXY_AUTH_PARENT_TIMEOUT', statusCode: 504, parent: 'parent-1', cause: { code: 'FST_PROXY_AUTH_UPSTREAM_TIMEOUT' } }
  const silent = await fakeParent(t, () => undefined)
  await t.rejects(connect(t, silent, noLogin(), { headersTimeout: 30 }), late)
  const half = await fakeParent(t, (_head, { request }) => request === 0 ? KEPT : undefined)
  await t.rejects(connect(t, half, scriptedLogin([null, 'one']), { headersTimeout: 30 }), late)
  const lying = await fakeParent(t, () => KEPT.replace(': 4', ': 40'))
  await t.rejects(connect(t, lying, scriptedLogin([null, 'one']), { headersTimeout: 30 }), late)
  const hangs = scriptedLogin([null], { attempt: () => ({ ready: true, first: () => new Promise(() => {}), next: () => null, succeeded: () => {} }) })
  await t.rejects(connect(t, silent, hangs, { headersTimeout: 30 }), late)
  await until(() => [silent, half, lying].every(({ open }) => open.size === 0))
})

t.test('a login that fails: its error is the failure, and names the parent', async t => {
  const parent = await fakeParent(t, inTurn(KEPT, OK))
  const failing = (more: Partial<ReturnType<Login['attempt']>>) => scriptedLogin([], { attempt: () => ({ ready: true, first: () => null, next: () => null, succeeded: () => {}, ...more }) })
  const failed = { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS', statusCode: 500, parent: 'parent-1' }
  await t.rejects(connect(t, parent, failing({ first () { throw new ParentCredentialsFailed() } })), failed)
  await t.rejects(connect(t, parent, failing({ next: async () => { throw new ParentCredentialsFailed() } })), failed)
  await t.rejects(connect(t, parent, failing({ succeeded: async () => { throw new ParentUnproven() } })), { code: 'FST_PROXY_AUTH_PARENT_UNPROVEN', parent: 'parent-1' })
  await t.rejects(connect(t, parent, failing({ first () { throw new Error('a fault') } })), PROTOCOL)
  await until(() => parent.open.size === 0)
})

t.test('a parent with TLS: the login gets its certificate', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'parent.test')
  const parent = await fakeParent(t, inTurn(CLOSING, KEPT, OK), { cert, key })
  const login = scriptedLogin(['one', 'two', 'three'])
  const socket = await begin(t, parentAt(parent.port, { protocol: 'https', tls: { ca: cert } }), login).socket
  t.equal(await echoed(socket, 'ping'), 'ping')
  t.match(login.requests[0]!.certificate!.subjectAltName, 'DNS:parent.test')
})

t.test('a connection that is given up, in each phase: nothing stays open', async t => {
  const silent = await fakeParent(t, () => undefined)
  const give = async (begun: Connected, when: () => boolean): Promise<void> => {
    begun.socket.then(() => t.fail('it was given up'), () => t.fail('it was given up'))
    await until(when)
    begun.giveUp()
  }
  const hangs = () => new Promise<never>(() => {})
  let asked = 0
  const hanging = (more: Partial<ReturnType<Login['attempt']>>) =>
    scriptedLogin([], { attempt: () => { asked += 1; return { ready: true, first: () => null, next: () => null, succeeded: () => {}, ...more } } })
  await give(begin(t, parentAt(silent.port)), () => true)
  await give(begin(t, parentAt(silent.port)), () => silent.heads.length === 1)
  await give(begin(t, parentAt(silent.port), hanging({ first: hangs })), () => asked === 1)
  const asking = await fakeParent(t, () => KEPT)
  await give(begin(t, parentAt(asking.port), hanging({ next: hangs })), () => asking.heads.length === 1)
  const within = await fakeParent(t, () => KEPT.replace(': 4', ': 40'))
  await give(begin(t, parentAt(within.port), scriptedLogin([null, 'one'])), () => within.heads.length === 1)
  const opening = await fakeParent(t, () => OK)
  await give(begin(t, parentAt(opening.port), hanging({ succeeded: hangs })), () => opening.heads.length === 1)
  await until(() => [silent, asking, within, opening].every(({ open }) => open.size === 0))
  await new Promise(resolve => setImmediate(resolve))
})
