import type { ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import type { Http2Session, Http2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { guarded, once } from './guarded.js'
import { isInjected } from './message-state.js'
import { sessionSocket } from './session-socket.js'

/** How long a client may take to read a refusal, in milliseconds. */
export const READ_TIME = 10_000

/** A response of node, of HTTP/2 with its stream. */
type UnreadResponse = ServerResponse & { readonly stream?: Http2Stream }

/** By connection, which for HTTP/2 is the session. */
const limits = new WeakMap<object, Http1Limit | Http2Limit>()

/**
 * Limits the time that a refusal may take to be read: the client has not proved who it is, and what
 * it leaves unread would stay in memory for as long as it likes. Node has no such limit. To be
 * called before the response is sent.
 *
 * With HTTP/1.x the connection is closed when the time is over. Behind a response that is not
 * limited, the time begins when that one is out; behind others that are, it goes on. With HTTP/2
 * the stream is reset, and its session takes no more.
 *
 * @param time - In milliseconds; the first on a connection decides for all of them. Default
 *   {@link READ_TIME}.
 * @quirk node-no-read-limit
 */
export function limitReading (response: UnreadResponse, time = READ_TIME): void {
  if (isInjected(response)) return
  const { stream, req: { socket } } = response
  const connection = stream === undefined ? socket : stream.session
  if (connection === undefined || connection.destroyed || stream?.destroyed === true) return
  let limit = limits.get(connection)
  if (limit === undefined) {
    limit = stream === undefined ? new Http1Limit(socket, time) : new Http2Limit(connection as Http2Session, time)
    limits.set(connection, limit)
  }
  limit.add(response)
}

/**
 * The refusals on one connection that are not read yet. One timer serves them all: a client may
 * pipeline many.
 *
 * @quirk node-queued-response-close
 */
abstract class Limit {
  /** When each was there, the oldest first. */
  protected readonly unread = new Map<UnreadResponse, number>()
  private timer: NodeJS.Timeout | undefined

  constructor (private readonly connection: Socket | Http2Session, protected readonly time: number) {
    once(connection, 'close', () => { // node tells no response of it whose turn has not come
      this.unread.clear()
      this.stop()
    })
  }

  add (response: UnreadResponse): void {
    this.unread.set(response, performance.now())
    once(response, 'finish', () => this.delete(response)) // in HTTP/2 it comes when the stream has closed
    this.timer ??= this.wait(this.time)
  }

  protected delete (response: UnreadResponse): void {
    this.unread.delete(response)
    if (this.unread.size === 0) this.stop()
  }

  /** Ends what has had its time. Returns how long the next has. */
  protected abstract look (now: number): number

  private wait (time: number): NodeJS.Timeout {
    return setTimeout(guarded(() => {
      const left = this.look(performance.now())
      this.timer = this.unread.size === 0 ? undefined : this.wait(left)
    }, this.connection), time).unref()
  }

  private stop (): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}

class Http1Limit extends Limit {
  /** The refusal whose turn it is on the connection, and since when there has been nothing else. */
  private turn: UnreadResponse | null = null
  private since = 0

  constructor (private readonly socket: Socket, time: number) {
    super(socket, time)
  }

  override add (response: UnreadResponse): void {
    super.add(response)
    if (response.socket !== null) this.begin(response)
    else once(response, 'socket', () => this.begin(response))
  }

  protected override delete (response: UnreadResponse): void {
    super.delete(response)
    if (this.turn === response) this.turn = null // else the next has it already: node sees to that first
  }

  protected look (now: number): number {
    if (this.turn === null) return this.time
    const [oldest] = this.unread.values()
    const left = Math.max(oldest!, this.since) + this.time - now
    if (left <= 0) this.socket.destroy()
    return left
  }

  private begin (response: UnreadResponse): void {
    if (this.turn === null) this.since = performance.now()
    this.turn = response
  }
}

/**
 * The refusals on the streams of one session.
 *
 * @quirk node-http2-end-before-reset
 * @quirk node-http2-session-lingers
 */
class Http2Limit extends Limit {
  private readonly socket: Socket
  private ending = false

  constructor (private readonly session: Http2Session, time: number) {
    super(session, time)
    this.socket = sessionSocket(session)
  }

  protected look (now: number): number {
    for (const [response, since] of this.unread) {
      const left = since + this.time - now
      if (left > 0) return left
      this.unread.delete(response)
      const stream = response.stream!
      if (stream.writableFinished) continue // it is read, and what the client still sends is not waited for here
      stream.close(constants.NGHTTP2_CANCEL)
      stream.destroy() // node's reset may never go out
      if (!this.ending) this.end()
    }
    return 0
  }

  /**
   * The session takes no more streams, and ends with those it has. Node would then wait until the
   * client closes as well, and until it has read what there is for it.
   */
  private end (): void {
    const { session, socket, time } = this
    this.ending = true
    session.close()
    const timer = setInterval(guarded(() => {
      if (session.destroyed || session.state.outboundQueueSize! > 0) socket.destroy()
    }, socket), time).unref()
    once(socket, 'close', () => clearInterval(timer))
  }
}
