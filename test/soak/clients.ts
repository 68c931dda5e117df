// What the clients of the soak do, each from its first octet to its last.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request as send } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { answerDigestChallenge, parseChallenges } from '../../lib/index.js'

/** Where everything listens, and what the clients share. */
export interface Surroundings {
  readonly plain: number
  readonly h2: number
  readonly origin: number
  readonly agent: Agent
  /** A session that many requests go by; opened anew when it has ended. */
  session?: ClientHttp2Session
}

/** Throws where it comes out otherwise than it has to. */
export type Client = (around: Surroundings) => Promise<void>

const ALICE = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`
const GUEST = `Basic ${Buffer.from('guest:guest-secret').toString('base64')}`
const WRONG = `Basic ${Buffer.from('alice:wrong').toString('base64')}`
const CONTENT = randomBytes(64 * 1024)

interface Sent {
  readonly method?: string
  readonly path?: string
  readonly fields?: OutgoingHttpHeaders
  readonly credentials?: string | null
  readonly reverse?: boolean
}

function open ({ plain, origin, agent }: Surroundings, { method = 'GET', path = '/', fields = {}, credentials = ALICE, reverse = false }: Sent): ClientRequest {
  const target = reverse ? `/api${path}` : `http://127.0.0.1:${origin}${path}`
  const own = credentials === null ? {} : { 'proxy-authorization': credentials }
  return send({ host: '127.0.0.1', port: plain, method, path: target, headers: { ...own, ...fields }, agent })
}

async function responseOf (request: ClientRequest): Promise<IncomingMessage> {
  return (await once(request, 'response') as [IncomingMessage])[0]
}

/** Sends a request and reads its response to the end. */
async function ask (around: Surroundings, sent: Sent, content?: Buffer): Promise<{ status: number, body: Buffer, response: IncomingMessage }> {
  const request = open(around, sent)
  request.end(content)
  const response = await responseOf(request)
  return { status: response.statusCode!, body: await buffer(response), response }
}

function expect (right: boolean, what: string): asserts right {
  if (!right) throw new Error(what)
}

function asks (status: number, sent: Sent, content?: Buffer): Client {
  return async around => {
    const got = await ask(around, sent, content)
    expect(got.status === status, `status ${got.status} in place of ${status}`)
    if (status === 200 && content !== undefined) expect(got.body.equals(content), 'other content came back')
  }
}

/** A tunnel over HTTP/1.1, open. */
async function tunnel ({ plain, origin }: Surroundings, credentials = ALICE): Promise<Socket> {
  const socket = connect({ port: plain, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  socket.write(`CONNECT 127.0.0.1:${origin} HTTP/1.1\r\nHost: 127.0.0.1:${origin}\r\nProxy-Authorization: ${credentials}\r\n\r\n`)
  const head = await until(socket, text => text.includes('\r\n\r\n'))
  if (head.startsWith('HTTP/1.1 200 ')) return socket
  socket.destroy()
  throw new Error(`a tunnel was refused: ${head.slice(0, 40)}`)
}

/** What has come until it is enough, or the connection has ended. */
function until (socket: Socket, enough: (text: string) => boolean): Promise<string> {
  let text = ''
  return new Promise(resolve => {
    const done = () => {
      socket.off('data', take).off('close', done).off('end', done)
      resolve(text)
    }
    const take = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (enough(text)) done()
    }
    socket.on('data', take).once('close', done).once('end', done)
  })
}

const POST = Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: ${CONTENT.length}\r\nConnection: close\r\n\r\n`), CONTENT])

async function upgrade ({ plain, origin }: Surroundings): Promise<Socket> {
  const socket = connect({ port: plain, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: 127.0.0.1:${origin}\r\nConnection: Upgrade\r\nUpgrade: echo\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
  const head = await until(socket, text => text.includes('\r\n\r\n'))
  if (head.startsWith('HTTP/1.1 101 ')) return socket
  socket.destroy()
  throw new Error(`an upgrade was refused: ${head.slice(0, 40)}`)
}

async function session (around: Surroundings): Promise<ClientHttp2Session> {
  if (around.session === undefined || around.session.closed || around.session.destroyed) {
    const made = connectHttp2(`https://127.0.0.1:${around.h2}`, { rejectUnauthorized: false })
    around.session = made
    made.on('error', () => {})
    made.setMaxListeners(0)
  }
  return around.session
}

function stream (by: ClientHttp2Session, fields: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
  return by.request({ 'proxy-authorization': ALICE, ...fields }, { endStream }).on('error', () => {})
}

async function statusOf (of: ClientHttp2Stream): Promise<number> {
  const [fields] = await once(of, 'response') as [IncomingHttpHeaders]
  return Number(fields[':status'])
}

function forwarded ({ origin }: Surroundings, method: string, path = '/'): OutgoingHttpHeaders {
  return { ':method': method, ':scheme': 'http', ':authority': `127.0.0.1:${origin}`, ':path': path }
}

function closed (socket: Socket | ClientHttp2Stream): Promise<unknown> {
  return socket.closed ? Promise.resolve() : new Promise(resolve => { socket.once('close', resolve) })
}

/** A client that leaves at some moment before its response is whole. */
function leaves (sent: Sent, content?: Buffer): Client {
  return async around => {
    const request = open({ ...around, agent: new Agent() }, sent)
    request.on('error', () => {}).on('response', response => response.on('error', () => {}))
    if (content === undefined) request.end()
    else request.write(content)
    await wait(Math.random() * 60)
    request.destroy()
    await closed(request as never)
  }
}

/** By name, and how often of a hundred. */
export const CLIENTS: Readonly<Record<string, readonly [share: number, client: Client]>> = {
  'forward GET': [12, asks(200, { path: '/early' })],
  'forward POST': [6, asks(200, { method: 'POST' }, CONTENT)],
  'reverse GET': [12, asks(200, { path: '/early', reverse: true })],
  'reverse POST': [5, asks(200, { method: 'POST', reverse: true }, CONTENT)],
  'no credentials': [5, asks(407, { credentials: null })],
  'wrong password': [3, asks(407, { credentials: WRONG })],
  'origin dribbles': [3, asks(200, { path: '/slow' })],
  'origin stalls': [1, asks(504, { path: '/stall' })],
  'origin resets': [2, asks(502, { path: '/reset', method: 'POST' })],
  'origin cuts its content': [2, async around => {
    const whole = await ask(around, { path: '/cut', reverse: Math.random() < 0.5 }).then(() => true, () => false)
    expect(!whole, 'content that was cut came as whole')
  }],
  'leaves while the origin stalls': [4, leaves({ path: '/stall' })],
  'leaves a reverse route': [3, leaves({ path: '/stall', reverse: true })],
  'leaves its upload': [3, leaves({ method: 'POST', fields: { 'content-length': 10 * CONTENT.length } }, CONTENT)],
  'leaves a download': [3, leaves({ path: '/large' })],
  'reads slowly': [1, async around => {
    const request = open({ ...around, agent: new Agent() }, { path: '/large' })
    request.end()
    const response = await responseOf(request)
    let octets = 0
    for await (const chunk of response) {
      octets += (chunk as Buffer).length
      await wait(2)
    }
    expect(octets === 2 ** 20, `${octets} octets came`)
  }],
  'sends slowly': [2, async around => {
    const request = open(around, { method: 'POST', reverse: Math.random() < 0.5 })
    const response = responseOf(request) // begins before the request has ended
    for (let part = 0; part < 8; part++) {
      request.write('part')
      await wait(20)
    }
    request.end()
    expect((await buffer(await response)).length === 32, 'other content came back')
  }],
  digest: [3, async around => {
    const { response } = await ask(around, { credentials: null })
    const challenges = parseChallenges(String(response.headers['proxy-authenticate']))
    const answer = answerDigestChallenge(challenges, { username: 'dora', password: 'dora-secret', method: 'GET', uri: '/', nc: 1, cnonce: randomBytes(12).toString('hex') })
    const { status } = await ask(around, { credentials: answer!.credentials })
    expect(status === 200, `status ${status}`)
  }],
  tunnel: [6, async around => {
    const socket = await tunnel(around)
    socket.write(POST)
    const text = await until(socket, () => false)
    socket.end()
    await closed(socket)
    expect(text.endsWith(CONTENT.toString('latin1')), 'other content came out of a tunnel')
  }],
  'tunnel, reset': [3, async around => {
    const socket = await tunnel(around)
    socket.write(POST.subarray(0, 1000))
    socket.resetAndDestroy()
    await closed(socket)
  }],
  'tunnel of a user who is revoked': [1, async around => {
    const socket = await tunnel(around, GUEST).catch(() => undefined) // the guest has no account for half of the time
    if (socket === undefined) return
    socket.resume()
    await closed(socket.once('end', () => socket.destroy()))
  }],
  upgrade: [3, async around => {
    const socket = await upgrade(around)
    socket.write('octets')
    const text = await until(socket, text => text.length === 6)
    socket.end()
    await closed(socket)
    expect(text === 'octets', `${JSON.stringify(text)} came back`)
  }],
  'upgrade, reset': [2, async around => {
    const socket = await upgrade(around)
    socket.resetAndDestroy()
    await closed(socket)
  }],
  WebSocket: [3, async ({ plain }) => {
    const webSocket = new WebSocket(`ws://127.0.0.1:${plain}/ws/`, { headers: { 'proxy-authorization': ALICE } })
    await once(webSocket, 'open')
    webSocket.send('text')
    const [message] = await once(webSocket, 'message') as [Buffer]
    if (Math.random() < 0.5) webSocket.close()
    else webSocket.terminate()
    await once(webSocket, 'close')
    expect(message.toString() === 'text', 'another message came back')
  }],
  'HTTP/2 GET': [4, async around => {
    const request = stream(await session(around), forwarded(around, 'GET', '/early'), true)
    const status = await statusOf(request)
    expect(status === 200, `status ${status}`)
    await buffer(request)
  }],
  'HTTP/2 POST': [3, async around => {
    const request = stream(await session(around), forwarded(around, 'POST'), false)
    request.end(CONTENT)
    const status = await statusOf(request)
    expect(status === 200, `status ${status}`)
    expect((await buffer(request)).equals(CONTENT), 'other content came back')
  }],
  'HTTP/2 tunnel': [3, async around => {
    const request = stream(await session(around), { ':method': 'CONNECT', ':authority': `127.0.0.1:${around.origin}` }, false)
    const status = await statusOf(request)
    expect(status === 200, `status ${status}`)
    request.write(POST)
    const octets = await buffer(request)
    request.end()
    expect(octets.subarray(-CONTENT.length).equals(CONTENT), 'other content came out of a tunnel')
  }],
  'HTTP/2, reset': [2, async around => {
    const request = stream(await session(around), forwarded(around, 'GET', '/stall'), true)
    await wait(Math.random() * 40)
    request.close(8)
    await closed(request)
  }],
  'HTTP/2, a session that breaks': [1, async around => {
    const own = connectHttp2(`https://127.0.0.1:${around.h2}`, { rejectUnauthorized: false }).on('error', () => {})
    const requests = Array.from({ length: 5 }, () => stream(own, forwarded(around, 'GET', '/slow'), true))
    await statusOf(requests[0]!)
    own.destroy()
    await Promise.all(requests.map(closed))
  }]
}
