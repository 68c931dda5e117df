// One large content through a gateway, in each form of request and each direction: what came out at the other end.
import { createCipheriv, createHash } from 'node:crypto'
import { createServer, request as sendPlain } from 'node:http'
import type { IncomingMessage, RequestOptions, Server } from 'node:http'
import { request as sendTls } from 'node:https'
import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import { Readable, pipeline } from 'node:stream'
import type { Duplex } from 'node:stream'

export const FORMS = ['reverse', 'absolute-form', 'CONNECT', 'reverse over HTTP/2', 'forward over HTTP/2', 'CONNECT over HTTP/2'] as const
export type Form = typeof FORMS[number]

/** Where a gateway is: its reverse prefix is `/api`. */
export interface Gateway {
  readonly port: number
  /** The same in HTTP/2; with `tls` it may be the same port. */
  readonly http2Port: number
  readonly tls?: boolean
  /** The field, e.g. `Basic …`. */
  readonly credentials: string
}

const PIECE = Buffer.alloc(65_536)

/** That many octets which look like chance and are always the same. */
export function * octets (size: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', PIECE.subarray(0, 16), PIECE.subarray(0, 16))
  for (let left = size; left > 0; left -= PIECE.length) yield cipher.update(left < PIECE.length ? PIECE.subarray(0, left) : PIECE)
}

/** The SHA-256 of {@link octets}. */
export function digestOf (size: number): string {
  const hash = createHash('sha256')
  for (const piece of octets(size)) hash.update(piece)
  return hash.digest('hex')
}

/** An origin that sends as many {@link octets} as the path of a GET says, and answers anything else with the SHA-256 of its content. */
export function createContentServer (): Server {
  return createServer((request, response) => {
    if (request.method === 'GET') {
      const size = Number(request.url!.slice(1))
      response.writeHead(200, { 'content-length': size })
      pipeline(Readable.from(octets(size), { objectMode: false }), response, () => {})
    } else digested(request).then(digest => response.end(digest), () => response.destroy())
  })
}

/**
 * Sends or fetches {@link octets} through a gateway.
 *
 * @param origin - The port of {@link createContentServer} on 127.0.0.1.
 * @returns Their SHA-256 where they arrived.
 */
export async function transfer (form: Form, direction: 'up' | 'down', size: number, gateway: Gateway, origin: number): Promise<string> {
  const authority = `127.0.0.1:${origin}`
  const path = direction === 'up' ? '/' : `/${size}`
  const credentials = { 'proxy-authorization': gateway.credentials }
  const http1 = (options: RequestOptions) => (gateway.tls === true ? sendTls : sendPlain)({ host: '127.0.0.1', port: gateway.port, agent: false, rejectUnauthorized: false, ...options } as RequestOptions)
  const message = { method: direction === 'up' ? 'PUT' : 'GET', headers: direction === 'up' ? { 'content-length': size } : {} }
  const authenticated = { ...message, headers: { ...message.headers, ...credentials } }
  const through = async (connection: Duplex) => await exchanged(sendPlain({ ...message, path, headers: { ...message.headers, host: authority }, createConnection: () => connection as Socket }), direction, size)

  if (form === 'reverse') return await exchanged(http1({ ...authenticated, path: `/api${path}` }), direction, size)
  if (form === 'absolute-form') return await exchanged(http1({ ...authenticated, path: `http://${authority}${path}` }), direction, size)
  if (form === 'CONNECT') {
    const asked = http1({ method: 'CONNECT', path: authority, headers: { host: authority, ...credentials } }).end()
    return await through(await new Promise<Socket>((resolve, reject) => { asked.on('connect', (_answer, socket) => resolve(socket)).on('error', reject) }))
  }
  const session = await open(`${gateway.tls === true ? 'https' : 'http'}://127.0.0.1:${gateway.http2Port}`)
  try {
    if (form === 'CONNECT over HTTP/2') {
      const tunnel = session.request({ ':method': 'CONNECT', ':authority': authority, ...credentials }, { endStream: false })
      await new Promise((resolve, reject) => { tunnel.on('response', resolve).on('error', reject) })
      return await through(tunnel)
    }
    const target = form === 'reverse over HTTP/2' ? { ':path': `/api${path}` } : { ':scheme': 'http', ':authority': authority, ':path': path }
    const fields: OutgoingHttpHeaders = { ':method': message.method, ...target, ...authenticated.headers }
    return await exchanged(session.request(fields, { endStream: false }), direction, size)
  } finally {
    session.destroy()
  }
}

/** A session whose windows do not slow down a download. */
async function open (url: string): Promise<ClientHttp2Session> {
  const session = connect(url, { rejectUnauthorized: false, settings: { initialWindowSize: 1024 * 1024 } })
  session.on('error', () => {})
  await new Promise(resolve => session.once('remoteSettings', resolve))
  session.setLocalWindowSize(16 * 1024 * 1024)
  return session
}

async function exchanged (request: ReturnType<typeof sendPlain> | ClientHttp2Stream, direction: 'up' | 'down', size: number): Promise<string> {
  const answer = new Promise<Readable>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (head: IncomingMessage & { ':status'?: number }) => resolve('session' in request ? request as ClientHttp2Stream : head))
  })
  if (direction === 'down') {
    request.end()
    return await digested(await answer)
  }
  pipeline(Readable.from(octets(size), { objectMode: false }), request, error => { if (error) request.destroy(error) })
  let text = ''
  for await (const chunk of await answer) text += String(chunk)
  return text
}

/** Fails where the content breaks off. */
async function digested (content: Readable): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of content) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
