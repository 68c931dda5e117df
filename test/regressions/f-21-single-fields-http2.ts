// What an origin of HTTP/1.1 may send and HTTP/2 has no form for must never end the process.
import { createHash } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { Agent, Dispatcher } from 'undici'
import type { ReverseRoute } from '../../lib/index.js'
import { ANNOUNCED, announcedBy } from '../fixtures/announcing.js'
import { extended } from '../fixtures/extended-socket.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import type { Http2Answer, Http2Client } from '../fixtures/http2-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import type { RawOrigin } from '../fixtures/raw-origin.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'

/** All that node takes for single (kSingleValueHeaders of its lib/internal/http2/util.js), but pseudo-header fields. */
const SINGLE = [
  'Access-Control-Allow-Credentials', 'Access-Control-Max-Age', 'Access-Control-Request-Method', 'Age', 'Authorization',
  'Content-Location', 'Content-MD5', 'Content-Range', 'Content-Type', 'Date', 'DNT', 'ETag', 'Expires', 'From',
  'If-Modified-Since', 'If-Range', 'If-Unmodified-Since', 'Last-Modified', 'Location', 'Max-Forwards', 'Range', 'Referer',
  'Retry-After', 'Tk', 'Upgrade-Insecure-Requests', 'User-Agent', 'X-Content-Type-Options'
]
const LISTS = ['Content-Encoding', 'Content-Language', 'If-Match', 'If-None-Match']
/** They end at this hop, whatever they say. */
const ENDING = ['Keep-Alive', 'Proxy-Connection', 'TE', 'Upgrade', 'HTTP2-Settings', 'Proxy-Authorization']
const TWICE = [...SINGLE, ...LISTS, ...ENDING].map(name => `${name}: a\r\n${name}: b\r\n`).join('')

/** Of {@link TWICE}, what an HTTP/2 client gets. */
const EXPECTED = {
  ...Object.fromEntries(SINGLE.map(name => [name.toLowerCase(), 'a'])),
  ...Object.fromEntries(LISTS.map(name => [name.toLowerCase(), 'a, b'])),
  ...Object.fromEntries(ENDING.map(name => [name.toLowerCase(), undefined]))
}

interface Lab {
  readonly gate: Gateway
  readonly client: Http2Client
  /** Asks the origin by each way that there is. */
  ask (path: string, fields?: object): Promise<Record<string, Http2Answer>>
}

async function lab (t: Test, target: RawOrigin, options: GatewayOptions = {}, route: Partial<ReverseRoute> = {}): Promise<Lab> {
  const onResponse = (_request: unknown, reply: { send (stream: unknown): void }, { stream }: { stream: unknown }) => { reply.send(stream) }
  const gate = await gateway(t, {
    fastify: ANNOUNCED,
    reverse: [
      { prefix: '/api', upstream: target.url, ...route } as ReverseRoute,
      { prefix: '/node', upstream: target.url, undici: false } as unknown as ReverseRoute,
      { prefix: '/own', upstream: target.url, replyOptions: { onResponse } } as unknown as ReverseRoute
    ],
    ...options
  })
  const client = await announcedBy(t, gate.url)
  const one = async (authority: string, path: string, fields: object) =>
    await client.ask({ ':scheme': 'http', ':authority': authority, ':path': path, 'proxy-authorization': ALICE, ...fields })
  return {
    gate,
    client,
    async ask (path, fields = {}) {
      const own = `127.0.0.1:${gate.port}`
      return {
        forward: await one(target.authority, path, fields),
        reverse: await one(own, `/api${path}`, fields),
        'reverse by node\'s client': await one(own, `/node${path}`, fields),
        'reverse by the options\' onResponse': await one(own, `/own${path}`, fields)
      }
    }
  }
}

t.test('every field that node takes for single comes twice: an HTTP/2 client gets one (F-21)', async t => {
  const target = await rawOrigin(t, socket => {
    socket.end(`HTTP/1.1 203 x\r\n${TWICE}Connection: close\r\nContent-Length: 2\r\n\r\nok`, 'latin1')
  })
  const { ask, gate } = await lab(t, target)
  for (const [way, answer] of Object.entries(await ask('/'))) {
    t.match(answer, { status: 203, body: 'ok', rstCode: 0, fields: EXPECTED }, way)
  }
  t.strictSame(gate.log.filter(({ level }) => level as number >= 40), [])
})

t.test('single fields that come twice in trailers and in an interim response: an HTTP/2 client gets one (F-21)', async t => {
  const hint = 'HTTP/1.1 103 x\r\nLink: </a>\r\nDate: a\r\nDate: b\r\nConnection: x\r\nUpgrade: x\r\n\r\n'
  const trailers = 'X-T: 1\r\nETag: "a"\r\nETag: "b"\r\nDate: a\r\nDate: b\r\nKeep-Alive: x\r\nTE: x\r\n'
  const target = await rawOrigin(t, socket => {
    socket.end(`${hint}HTTP/1.1 200 x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`)
  })
  const { ask } = await lab(t, target)
  const answers = await ask('/')
  for (const way of ['forward', 'reverse']) {
    t.match(answers[way], { status: 200, body: 'ok', rstCode: 0, trailers: { 'x-t': '1', etag: '"a"', date: 'a', te: undefined } }, way)
    t.match(answers[way]!.interim, [{ ':status': 103, link: '</a>', date: 'a', upgrade: undefined }], way)
  }
  t.match(answers['reverse by node\'s client'], { status: 200, rstCode: 0, trailers: { 'x-t': '1', date: 'a' } })
})

t.test('single fields that come twice in the response to OPTIONS *: an HTTP/2 client gets one (F-21)', async t => {
  const target = await rawOrigin(t, socket => { socket.end('HTTP/1.1 200 x\r\nDate: a\r\nDate: b\r\nContent-Length: 0\r\n\r\n') })
  const { client } = await lab(t, target)
  const answer = await client.ask({ ':method': 'OPTIONS', ':scheme': 'http', ':authority': target.authority, ':path': '*', 'proxy-authorization': ALICE })
  t.match(answer, { status: 200, fields: { date: 'a' } })
})

for (const status of [101, 403]) {
  t.test(`the same in the response ${status} to a WebSocket of HTTP/2 (F-21)`, async t => {
    const target = await rawOrigin(t, (socket, head) => {
      const [, key] = /\r\nsec-websocket-key: (.*)\r\n/i.exec(head) as unknown as [string, string]
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      const opening = status === 101 ? `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n` : 'Connection: close\r\nContent-Length: 0\r\n'
      socket.end(`HTTP/1.1 ${status} x\r\n${opening}Date: a\r\nDate: b\r\nETag: "a"\r\nETag: "b"\r\n\r\n`)
    })
    const { client, gate } = await lab(t, target, {}, { websocket: true } as never)
    for (const fields of [extended(target.authority, '/'), extended(`127.0.0.1:${gate.port}`, '/api/')]) {
      const answer = await client.ask({ ...fields, 'proxy-authorization': ALICE, 'sec-websocket-version': '13' })
      t.match(answer, { status: status === 101 ? 200 : status, fields: { date: 'a', etag: '"a"' } }, String(fields[':path']))
    }
  })
}

t.test('a field that a hook has set past Fastify: it does not come beside the one of the origin (F-21)', async t => {
  const before: GatewayOptions['before'] = app => {
    app.addHook('onRequest', async (_request, reply) => { for (const name of ['date', 'etag']) reply.raw.setHeader(name, 'hook') })
  }
  const dated = await rawOrigin(t, socket => { socket.end('HTTP/1.1 200 x\r\nDate: a\r\nETag: "a"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n') })
  for (const [way, answer] of Object.entries(await (await lab(t, dated, { before })).ask('/'))) {
    t.match(answer, { status: 200, fields: { date: 'a', etag: '"a"' } }, way)
  }
  const bare = await rawOrigin(t, socket => { socket.end('HTTP/1.1 200 x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n') })
  const { ask, client } = await lab(t, bare, { before })
  for (const [way, answer] of Object.entries(await ask('/'))) {
    t.match(answer, { status: 200, fields: { date: / GMT$/, etag: undefined } }, way)
  }
  t.match(await client.ask({ ':path': '/api/' }), { status: 407, fields: { date: / GMT$/, etag: undefined } })
})

t.test('fields of several lines on the 200 to a CONNECT: those that may have several lines keep them (F-21)', async t => {
  const target = await tcpOrigin(t, socket => { socket.end('octets') })
  const { client } = await lab(t, await rawOrigin(t, () => {}), {
    before: app => {
      app.addHook('onRequest', async (_request, reply) => { reply.header('proxy-authenticate', ['Negotiate YQ==', 'Negotiate YQ==']).header('date', ['a', 'b']) })
    }
  })
  const answer = await client.ask({ ':method': 'CONNECT', ':authority': `127.0.0.1:${target.port}`, 'proxy-authorization': ALICE })
  t.match(answer, { status: 200, body: 'octets', fields: { 'proxy-authenticate': 'Negotiate YQ==, Negotiate YQ==', date: undefined } })
})

for (const [what, line] of Object.entries({
  'a pseudo-header field': ':status: 200', 'a name that is no token': 'a b: c', 'NUL in a value': 'X-A: a\0b', 'a bare CR in a value': 'X-A: a\rb', 'a control in a value': 'X-A: \x01'
})) {
  t.test(`a head with ${what} is 502, and the session goes on (F-21)`, async t => {
    const target = await rawOrigin(t, (socket, head) => {
      const odd = head.includes('/odd') ? `Date: a\r\nDate: b\r\n${line}\r\n` : ''
      socket.end(`HTTP/1.1 200 x\r\n${odd}Connection: close\r\nContent-Length: 2\r\n\r\nok`, 'latin1')
    })
    const { ask } = await lab(t, target)
    for (const [way, answer] of Object.entries(await ask('/odd'))) {
      t.match(answer, { status: 502, rstCode: 0, body: /FST_PROXY_AUTH_UPSTREAM_PROTOCOL/ }, way)
    }
    for (const [way, answer] of Object.entries(await ask('/'))) t.match(answer, { status: 200, body: 'ok' }, way)
  })
}

/** An application's own client, which gives what no parser would let through. */
class Odd extends Dispatcher {
  private readonly agent = new Agent()
  constructor (private readonly head: string[], private readonly trailers: string[] = []) { super() }

  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { head, trailers } = this
    return this.agent.dispatch(options, {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onResponseStart: (controller, status, fields, reason) => {
        ;(controller.rawHeaders as unknown[]).push(...head)
        handler.onResponseStart?.(controller, status, { ...fields, ...record(head) }, reason)
      },
      onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
      onResponseEnd: (controller, fields) => {
        ;(controller.rawTrailers as unknown[]).push(...trailers)
        handler.onResponseEnd?.(controller, fields)
      },
      onResponseError: (controller, error) => handler.onResponseError?.(controller, error)
    })
  }
}

const record = (list: string[]): Record<string, string> => Object.fromEntries(list.flatMap((name, i) => i % 2 === 0 ? [[name, list[i + 1]!]] : []))

for (const [what, head, trailers, rstCode] of [
  ['pseudo-header fields', [':path', '/'], [], 0], ['a line feed in a value', ['x-a', 'a\nb'], [], 0], ['NUL in a value', ['x-a', 'a\0b'], [], 0],
  ['a pseudo-header field in its trailers', [], [':path', '/'], 0], ['NUL in its trailers', [], ['x-t', 'a\0b'], 2]
] as Array<[string, string[], string[], number]>) {
  t.test(`a response of the application's own client has ${what}: the session goes on (F-21)`, async t => {
    const target = await rawOrigin(t, socket => {
      socket.end('HTTP/1.1 200 x\r\nDate: a\r\nDate: b\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n')
    })
    const { ask } = await lab(t, target, {}, { undici: new Odd(head, trailers) } as never)
    for (let i = 0; i < 2; i++) {
      const { reverse, forward } = await ask('/')
      // Half a response cannot be taken back: its stream is reset.
      t.match(reverse, { status: 200, rstCode, body: 'ok', fields: { date: 'a', ':path': undefined }, trailers: { ':path': undefined } })
      t.match(forward, { status: 200, body: 'ok' })
    }
  })
}
