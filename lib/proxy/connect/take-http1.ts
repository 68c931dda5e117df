import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { formatFields } from '../../fields/raw-list.js'
import { asksToKeep } from '../../platform/connection.js'
import { isExtendedConnect } from '../../fields/extended-connect.js'
import { spelled } from '../../fields/spelling.js'
import { guarded, once } from '../../platform/guarded.js'
import { READ_TIME } from '../../platform/limit-reading.js'
import { BareResponse } from '../../platform/http1/bare-response.js'
import { lingeringClose } from '../../platform/http1/lingering-close.js'
import { causeOf } from '../../platform/http1/refusal-cause.js'
import { takeConnectStream } from './take-http2.js'
import { markConnect } from './connect-request.js'
import { phraseFor } from './reason-phrases.js'
import type { ReasonPhrases } from './reason-phrases.js'
import { refusalHead } from './refusal.js'
import type { Exchanges } from '../exchange/exchanges.js'
import { markActive, markReused, mayBeReused, receive } from '../ingress/target-form.js'
import { catchSocketErrors } from '../../platform/http1/detached-socket.js'
import { resumeParsing } from '../../platform/http1/resume-parsing.js'
import { afterPreviousResponse } from '../../platform/http1/pipelining.js'

/** When the connection of a CONNECT refused with 407 may carry another request. */
export type KeepAliveAfter407 = 'always' | 'handshake' | 'never'

export interface ConnectSettings {
  /** Asked for each 407: what it depends on may not be known before the server is ready. */
  readonly keepAlive: () => KeepAliveAfter407
  /** Whether the connection stands for a user, so that what comes on it speaks for that user. */
  readonly carriesIdentity?: (socket: Socket) => boolean
  readonly exchanges: Exchanges
  /**
   * Texts in place of ours for what the status line says; `false`: it says the status's own name.
   * Default ours.
   */
  readonly reasonPhrases?: false | ReasonPhrases
}

/**
 * Takes node's `connect` event of HTTP/1.1 into Fastify's lifecycle, so that the application's
 * hooks, the gate and the log see a CONNECT as they see any request. Node has let go of the parser
 * by then: what is refused is written to the bare socket by a `ServerResponse` of our own, and the
 * socket given back to the server or closed.
 *
 * @quirk node-tls-half-open
 */
export function takeConnect (app: FastifyInstance, server: Server, settings: ConnectSettings) {
  const take = (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // Node's HTTP/2 compatibility layer has the same event, with a request and a response.
    if ('stream' in request) {
      // It was not taken, so it is another listener's, if there is one.
      if (isExtendedConnect(request) && server.listenerCount('connect') > 1) return
      return takeConnectStream(app, request, socket as unknown as ServerResponse)
    }
    catchSocketErrors(socket)
    socket.allowHalfOpen = true // a TLS server has it otherwise, and a client may end before its tunnel stands
    afterPreviousResponse(socket, () => begin(request, socket, head))
  }

  const begin = guarded((request: IncomingMessage, socket: Socket, head: Buffer) => {
    markActive(request)
    receive(request)
    const response = new ConnectResponse(request, socket, head, settings)
    markConnect(request, {
      client: socket,
      head,
      open: (fields) => response.open(fields),
      get whenEnded () { return response.whenEnded }
    })
    once(response, 'finish', () => through(response, socket), socket)
    app.routing(request, response)
  })

  const through = (response: ConnectResponse, socket: Socket) => {
    if (response.taken) return
    response.release()
    if (response.givesBack) giveBack(server, socket, settings.exchanges)
    else lingeringClose(socket)
  }

  return take
}

/** The answer to a CONNECT, on a socket that has no parser any more. */
export class ConnectResponse extends BareResponse {
  /** The socket carries another request when this answer is out. */
  givesBack = false

  constructor (
    request: IncomingMessage,
    client: Socket,
    private readonly behind: Buffer,
    private readonly settings: ConnectSettings
  ) {
    super(request, client)
  }

  /** Settles what becomes of the connection, whatever the fields say, and says so in them. */
  override writeHead (
    status: number, ...rest: Array<string | OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined>
  ): this {
    const { refusal, fields } = refusalHead(this, status, rest)
    this.givesBack = this.mayBeGivenBack(refusal, fields)
    const phrase = this.phraseOf(refusal)
    if (phrase !== undefined) this.statusMessage = phrase
    fields['connection'] = this.givesBack ? 'keep-alive' : 'close'
    this.client.setTimeout(READ_TIME, expire)
    return super.writeHead(refusal, Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [spelled(name), value])
    ))
  }

  // No interim answer goes before that to a CONNECT: most clients take it for the end (RFC 9110,
  // 15.2 allows it).
  override writeContinue (done?: () => void): void { done?.() }
  override writeProcessing (): void {}
  override writeEarlyHints (_hints: Record<string, string | string[]>, done?: () => void): void { done?.() }

  /** Writes the 200 and hands the socket over. */
  open (fields: readonly string[]): Socket {
    this.statusCode = 200
    const socket = this.take()
    socket.write(`HTTP/1.1 200 Connection established\r\n${formatFields(fields)}\r\n`, 'latin1')
    return socket
  }

  /** Most clients show nothing else of a refusal. What the application has set itself stays. */
  private phraseOf (status: number): string | undefined {
    const { statusMessage, settings: { reasonPhrases = {} } } = this
    if (statusMessage !== undefined || reasonPhrases === false) return undefined
    const cause = causeOf(this, status)
    return cause && phraseFor(cause, reasonPhrases)
  }

  private mayBeGivenBack (status: number, fields: OutgoingHttpHeaders): boolean {
    const { req, client, behind, settings } = this
    const keepAlive = settings.keepAlive()
    if (status !== 407 || keepAlive === 'never' || settings.exchanges.closing || saysClose(fields['connection'])) return false
    if (wantsClose(req)) return false
    const continues = continuesHandshake(fields['proxy-authenticate'])
    if (req.httpVersion !== '1.1' && !(continues && asksToKeep(req))) return false
    // Bytes behind a refused CONNECT were meant for the tunnel; read as requests they would speak
    // for the client.
    if (behind.length > 0 || client.readableLength > 0 || client.readableEnded || client.destroyed) return false
    // So would those that come later, where the connection itself says who the client is.
    const identifies = (client as TLSSocket).authorized || settings.carriesIdentity?.(client) === true
    if (identifies || !mayBeReused(client)) return false
    return keepAlive === 'always' || continues
  }
}

function wantsClose ({ headers }: IncomingMessage): boolean {
  return saysClose(headers.connection) || saysClose(headers['proxy-connection'])
}

function saysClose (options: OutgoingHttpHeader | undefined): boolean {
  return options !== undefined && /\bclose\b/i.test(String(options))
}

/**
 * A challenge with a token68, as NTLM and Negotiate send between their legs: `scheme SP token68`,
 * no parameters.
 */
function continuesHandshake (challenges: OutgoingHttpHeader | undefined): boolean {
  return [challenges].flat().some((challenge) => /^\S+ [\w\-.~+/]+=*$/.test(String(challenge)))
}

/**
 * The next request on this connection is parsed again: NTLM and Negotiate need the same one for all
 * their legs.
 */
function giveBack (server: Server, socket: Socket, exchanges: Exchanges): void {
  if (socket.destroyed) return
  if (socket.readableEnded) return lingeringClose(socket) // its parser would wait for an end that has come
  socket.setTimeout(0, expire)
  markReused(socket, exchanges)
  resumeParsing(server, socket)
}

const expire = guarded(function (this: Socket) { this.destroy() })
