import { ServerResponse } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, Server } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { receive } from './target-form.js'
import type { Milliseconds } from '../types.js'

/** When the connection of a CONNECT refused with 407 may carry another request. */
export type KeepAliveAfter407 = 'always' | 'handshake' | 'never'

/** How long a client may take to read a refusal. */
const READ_TIME: Milliseconds = 10_000
/** How long it may take to close after that, whatever it still sends. */
const CLOSE_TIME: Milliseconds = 2_000

const kConnect = Symbol('fastify-proxy-auth.connect')

/** What CONNECT has that no other request has: the bare socket, and the bytes that came behind the head. */
export interface Connect {
  readonly socket: Socket
  readonly head: Buffer
  readonly response: ConnectResponse
}

/** The CONNECT that `request` is, `undefined` when it is none. */
export function connectOf (request: IncomingMessage): Connect | undefined {
  return (request as IncomingMessage & { [kConnect]?: Connect })[kConnect]
}

/** Sockets that were given back to the server after a 407 to CONNECT. */
const givenBack = new WeakSet<object>()

/** True for a connection on which a CONNECT was refused before: it is a proxy's, so no origin-form is served on it. */
export function wasGivenBack (request: IncomingMessage): boolean {
  return givenBack.has(request.socket)
}

/**
 * Takes node's `connect` event of HTTP/1.1 into Fastify's lifecycle, so that the application's hooks, the gate and
 * the log see a CONNECT as they see any request. Node has let go of the parser by then: what is refused is written
 * to the bare socket by a `ServerResponse` of our own, and the socket given back to the server or closed.
 */
export function takeConnect (app: FastifyInstance, server: Server, keepAlive: KeepAliveAfter407) {
  return (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // Node's HTTP/2 compatibility layer has the same event, with a request and a response.
    // The version does not tell: whoever writes HTTP/2.0 on HTTP/1.1's wire comes here with a bare socket.
    if (!(socket instanceof Socket)) return refuseHttp2(socket as ServerResponse)
    guard(socket)
    receive(request)
    const response = new ConnectResponse(request, socket, head, keepAlive)
    Object.defineProperty(request, kConnect, { value: { socket, head, response } satisfies Connect })
    response.assignSocket(socket)
    response.once('finish', () => {
      if (response.taken) return
      response.detachSocket(socket)
      if (response.shouldKeepAlive) giveBack(server, socket)
      else closeInStages(socket)
    })
    app.routing(request, response)
  }
}

function refuseHttp2 (response: ServerResponse): void {
  response.writeHead(501).end()
}

/** The answer to a CONNECT, on a socket that has no parser any more. */
export class ConnectResponse extends ServerResponse {
  /** The handler has taken the socket for its tunnel. */
  taken = false

  constructor (
    request: IncomingMessage,
    private readonly client: Socket,
    private readonly behind: Buffer,
    private readonly keepAlive: KeepAliveAfter407
  ) {
    super(request)
  }

  override writeHead (status: number, ...rest: Array<string | OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined>): this {
    const fields = Object.assign({}, ...rest.filter(part => typeof part === 'object')) as OutgoingHttpHeaders
    const closes = fields['connection'] ?? this.getHeader('connection')
    this.shouldKeepAlive = closes === undefined && this.mayBeGivenBack(status, fields)
    this.client.setTimeout(READ_TIME, expire)
    return (super.writeHead as (...args: unknown[]) => this)(status, ...rest)
  }

  /** Hands the socket over for the tunnel: nothing more is written by this answer. */
  take (): Socket {
    this.taken = true
    this.detachSocket(this.client)
    this.client.setTimeout(0, expire)
    return this.client
  }

  private mayBeGivenBack (status: number, fields: OutgoingHttpHeaders): boolean {
    if (status !== 407 || this.keepAlive === 'never') return false
    const { req, client } = this
    if (req.httpVersionMajor !== 1 || req.httpVersionMinor !== 1 || wantsClose(req)) return false
    // Bytes behind a refused CONNECT were meant for the tunnel; read as requests they would speak for the client.
    if (this.behind.length > 0 || client.readableLength > 0 || client.destroyed) return false
    return this.keepAlive === 'always' || continuesHandshake(fields['proxy-authenticate'])
  }
}

function wantsClose ({ headers }: IncomingMessage): boolean {
  return /\bclose\b/i.test(`${headers.connection ?? ''},${headers['proxy-connection'] ?? ''}`)
}

/** A challenge with a token68, as NTLM and Negotiate send between their legs: `scheme SP token68`, no parameters. */
function continuesHandshake (challenges: OutgoingHttpHeader | undefined): boolean {
  return [challenges].flat().some(challenge => /^\S+ [\w\-.~+/]+=*$/.test(String(challenge)))
}

/** Without a listener, an `error` on a socket that node has handed over ends the process. Once per socket. */
const guarded = new WeakSet<Socket>()
function guard (socket: Socket): void {
  if (guarded.has(socket)) return
  guarded.add(socket)
  socket.on('error', () => socket.destroy())
}

/** The next request on this connection is parsed again: NTLM and Negotiate need the same one for all their legs. */
function giveBack (server: Server, socket: Socket): void {
  if (socket.destroyed) return
  socket.setTimeout(0, expire)
  givenBack.add(socket)
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
}

/** Half-close, read what still comes, close: closing at once would reset the connection under the answer (RFC 9112, 9.6). */
function closeInStages (socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), CLOSE_TIME)
  socket.once('close', () => clearTimeout(timer))
  socket.end()
  socket.resume()
}

function expire (this: Socket): void {
  this.destroy()
}
