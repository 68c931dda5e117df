import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Client } from 'undici'
import type { Dispatcher } from 'undici'
import { guarded, on, once } from '../../../platform/guarded.js'
import type { Milliseconds } from '../../../types.js'
import { reportResets } from '../../upstream/connection.js'

/** How long a connection is kept without a request. */
const LANE_IDLE: Milliseconds = 60_000
/** The most connections that are kept without a request, in all. */
const MAX_IDLE = 256

/** What a request fails with whose lane had ended before: nothing of it was sent. */
export const LANE_CLOSED = new Error('the connection ended before the request')

/** Whose connections they are. */
export interface LaneOwner {
  /** No other owner has it. */
  readonly key: string
  /** The most that are kept for it without a request. */
  readonly most: number
  /** No more of it will come. */
  readonly isGone?: boolean
}

/**
 * One connection to a parent that serves one owner, one request at a time, and is never replaced:
 * what it has been authenticated for would be lost unseen.
 */
export class Lane {
  /** What it was kept under. */
  key = ''
  isOpen = true
  /** Whether the parent has accepted credentials on it. */
  isAuthenticated = false
  /** Whether a request behind that needed none. */
  isKnown = false
  private readonly client: Client

  /**
   * @param settings - For the client.
   * @param closed - Called when the connection has ended.
   */
  constructor (private readonly socket: Socket, settings: Client.Options, closed: () => void) {
    let isTaken = false
    on(socket, 'error', () => {}) // before the client has it; the client tells of it afterwards
    once(socket, 'close', () => { this.isOpen = false; closed() })
    this.client = new Client(UNUSED_ORIGIN, {
      ...settings,
      pipelining: 1,
      keepAliveTimeout: LANE_IDLE,
      keepAliveMaxTimeout: LANE_IDLE,
      connect: reportResets((_target, callback) => {
        const isLost = isTaken || !this.isOpen
        isTaken = true
        // Later, as undici does nothing within the call.
        process.nextTick(guarded(() => isLost ? callback(LANE_CLOSED, null) : callback(null, socket)))
      })
    })
  }

  /** That of the parent, where TLS is spoken with it. */
  get certificate (): X509Certificate | undefined {
    return 'encrypted' in this.socket ? (this.socket as TLSSocket).getPeerX509Certificate() : undefined
  }

  /** Fails with {@link LANE_CLOSED} where the connection has ended. */
  send (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    // Unless told otherwise undici closes a connection behind a HEAD.
    this.client.dispatch({ ...options, reset: false }, handler)
  }

  /**
   * With an error, since undici would take an end without one for that of the response, which fails
   * an assertion where the request has been aborted. That would end the process.
   *
   * @quirk undici-ends-aborted
   */
  destroy (): void {
    this.socket.destroy(Object.assign(new Error('the connection is given up'), { code: 'UND_ERR_SOCKET' }))
    this.client.destroy(LANE_CLOSED).catch(() => {}) // it was destroyed before
  }
}

/** Keeps connections without a request, each for its owner alone. */
export class Lanes {
  /** The one used longest ago is the first. */
  private readonly idle = new Set<Lane>()

  get size (): number { return this.idle.size }

  /** Takes the one of this owner that was used last, if there is one. */
  take ({ key }: LaneOwner): Lane | undefined {
    const lane = this.of(key).at(-1)
    if (lane !== undefined) this.idle.delete(lane)
    return lane
  }

  /** Takes back one whose request is over. */
  give (lane: Lane, { key, most, isGone = false }: LaneOwner): void {
    lane.key = key
    if (lane.isOpen && !isGone) this.idle.add(lane)
    else lane.destroy()
    const own = this.of(key)
    if (own.length > most) this.end(own[0]!)
    if (this.idle.size > MAX_IDLE) this.end(this.idle.values().next().value!)
  }

  /** To be called when one has closed. */
  forget (lane: Lane): void {
    this.idle.delete(lane)
  }

  /** Ends those of an owner that is gone. */
  endAll ({ key }: LaneOwner): void {
    for (const lane of this.of(key)) this.end(lane)
  }

  private of (key: string): Lane[] {
    return [...this.idle].filter((lane) => lane.key === key)
  }

  private end (lane: Lane): void {
    this.idle.delete(lane)
    lane.destroy()
  }
}

/** Where a client would connect to, if we did not do that. */
const UNUSED_ORIGIN = 'http://parent.invalid'
