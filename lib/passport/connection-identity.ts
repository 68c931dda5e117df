import type { Socket } from 'node:net'
import { BadRequest, TooManyHandshakes } from '../errors.js'
import { readScheme } from '../fields/credentials.js'
import { isOfOneUser } from '../platform/connection.js'
import { guarded, once } from '../platform/guarded.js'
import { Shares } from '../store/shares.js'
import type { Handshake, HandshakeState } from '../strategies/handshake.js'
import type { Milliseconds, ProxyIdentity } from '../types.js'
import { isConnectionBound } from '../schemes/traits.js'
import type { RawRequest } from './request-view.js'

/** Limits of {@link ConnectionIdentities}. */
export interface ConnectionLimits {
  /** How long a handshake may take from its first leg to its last. 1 or more. */
  readonly handshakeTimeout: Milliseconds
  /** The most handshakes between two legs at one time. 1 or more. */
  readonly maxHandshakes: number
  /** The most of them from one address. 1 or more. */
  readonly maxPerAddress: number
}

/** When a client may start another handshake, where there are too many. */
const RETRY_AFTER: Milliseconds = 5000

/** What one client connection stands for. Kept on the socket, so that it goes with it. */
interface ConnectionState {
  readonly socket: Socket
  /** What is counted as the client's address; empty: there is none to tell. */
  readonly from: string
  identity: ProxyIdentity | undefined
  kept: KeptIdentity | undefined
  /** A leg is being judged. */
  busy: boolean
  /** A request came before the answer to a leg: nothing on this connection is believed any more. */
  confused: boolean
  /** Runs from the first leg kept to the end of the handshake. */
  timer: NodeJS.Timeout | undefined
}

interface KeptIdentity {
  readonly owner: object
  readonly state: HandshakeState
}

/**
 * The client connections of one gate on which a scheme that authenticates connections is under way
 * or has come to its end. A connection without such a scheme costs nothing but a look.
 *
 * One request at a time: while a leg is judged, any other request on the connection is 400 and the
 * end of it. A request without credentials forgets the handshake, one with any credentials forgets
 * the identity too, right or wrong (re-authentication).
 */
export class ConnectionIdentities {
  private readonly key = Symbol('fastify-proxy-auth.connection')
  private readonly named = new Map<string, Set<ConnectionState>>()
  private readonly handshakes: Shares

  constructor (private readonly limits: ConnectionLimits) {
    this.handshakes = new Shares(limits.maxHandshakes, limits.maxPerAddress)
  }

  /** How many handshakes are between two legs. */
  get handshaking (): number { return this.handshakes.taken }

  /** Who the connection of a request stands for, where it brings no credentials. */
  identityOf (raw: RawRequest): ProxyIdentity | undefined {
    return isOfOneUser(raw) ? this.find(raw.socket)?.identity : undefined
  }

  /** Whether a connection stands for a user, so that what comes on it speaks for that user. */
  carriesIdentity (socket: Socket): boolean {
    return this.find(socket)?.identity !== undefined
  }

  /**
   * Takes a request that is to be judged: what was established before no longer holds.
   *
   * @param client - Where the request comes from.
   * @returns The leg of a handshake that it is, `undefined` where its credentials are of no scheme
   *   bound to a connection. To be closed when it is judged.
   * @throws {BadRequest} Another leg is being judged on the connection: the client did not wait for
   *   its answer.
   */
  begin (raw: RawRequest, credentials: string | undefined, client: { readonly from?: string } = {}): Leg | undefined {
    if (raw.httpVersion !== '1.1' && !isOfOneUser(raw)) return undefined
    const bound = credentials !== undefined && isOfOneUser(raw) && isConnectionBound(readScheme(credentials) ?? null)
    let connection = this.find(raw.socket)
    if (connection === undefined) {
      if (!bound) return undefined
      connection = this.open(raw.socket, client.from ?? '')
    }
    if (connection.busy || connection.confused) {
      connection.confused = true
      throw new BadRequest('it did not wait for the answer within a handshake')
    }
    if (credentials !== undefined) this.forget(connection)
    if (!bound) {
      this.drop(connection)
      return undefined
    }
    connection.busy = true
    const { kept } = connection
    connection.kept = undefined
    return new Leg(this, connection, kept)
  }

  /**
   * Ends what a user's connections stand for: their next request is asked for credentials again.
   * Those under way go on.
   *
   * @param name - As `request.proxyAuth.name` has it.
   * @returns How many connections there were.
   */
  end (name: string): number {
    const connections = [...this.named.get(name) ?? []]
    for (const connection of connections) this.forget(connection)
    return connections.length
  }

  /** For a {@link Leg}: puts what it leaves in its place. */
  settle (connection: ConnectionState, kept: KeptIdentity | undefined, identity: ProxyIdentity | undefined): void {
    const { socket } = connection
    connection.busy = false
    connection.kept = kept
    if (kept === undefined || socket.destroyed) this.drop(connection)
    if (identity === undefined || socket.destroyed || connection.confused) return
    connection.identity = identity
    const others = this.named.get(identity.name)
    if (others === undefined) this.named.set(identity.name, new Set([connection]))
    else others.add(connection)
  }

  /** For a {@link Leg}: starts the time of a handshake, unless it runs. */
  start (connection: ConnectionState): void {
    if (connection.timer !== undefined) return
    if (!this.handshakes.take(1, connection.from)) throw new TooManyHandshakes(RETRY_AFTER)
    connection.timer = setTimeout(guarded(() => connection.socket.destroy()), this.limits.handshakeTimeout)
  }

  private stop (connection: ConnectionState): void {
    if (connection.timer === undefined) return
    clearTimeout(connection.timer)
    connection.timer = undefined
    this.handshakes.giveBack(1, connection.from)
  }

  private find (socket: Socket): ConnectionState | undefined {
    return (socket as unknown as Record<symbol, ConnectionState | undefined>)[this.key]
  }

  private open (socket: Socket, from: string): ConnectionState {
    const connection: ConnectionState = {
      socket, from, identity: undefined, kept: undefined, busy: false, confused: false, timer: undefined
    }
    Object.defineProperty(socket, this.key, { value: connection })
    once(socket, 'close', () => {
      this.forget(connection)
      this.drop(connection)
    })
    return connection
  }

  private forget (connection: ConnectionState): void {
    const { identity } = connection
    if (identity === undefined) return
    connection.identity = undefined
    const others = this.named.get(identity.name)!
    others.delete(connection)
    if (others.size === 0) this.named.delete(identity.name)
  }

  private drop (connection: ConnectionState): void {
    const { kept } = connection
    connection.kept = undefined
    this.stop(connection)
    kept?.state.end?.()
  }
}

/** One leg of a handshake while it is judged. */
export class Leg {
  private after: KeptIdentity | undefined
  private identity: ProxyIdentity | undefined
  private closed = false

  /** Made by {@link ConnectionIdentities.begin}. */
  constructor (
    private readonly connections: ConnectionIdentities,
    private readonly connection: ConnectionState,
    private readonly before: KeptIdentity | undefined
  ) {}

  /** True when a strategy has kept something for another leg. */
  get continues (): boolean { return this.after !== undefined }

  /** What a strategy sees of it. What another has kept is not shown. */
  for (owner: object): Handshake {
    return {
      kept: this.before?.owner === owner ? this.before.state : undefined,
      keep: (state) => {
        if (this.closed) return state.end?.() // too late: the verdict was given in its place
        this.connections.start(this.connection)
        if (this.after !== undefined && this.after.state !== state) this.after.state.end?.()
        this.after = { owner, state }
      }
    }
  }

  /** The connection stands for a user from now on. */
  authenticate (identity: ProxyIdentity): void {
    this.identity = identity
  }

  /**
   * Ends the judgement.
   *
   * @param continues - Whether the answer asks for another leg. If not, what was kept for one ends.
   */
  close (continues: boolean): void {
    const kept = continues ? this.after : undefined
    const over = new Set([this.before?.state, this.after?.state])
    over.delete(kept?.state)
    this.closed = true
    this.connections.settle(this.connection, kept, this.identity)
    for (const state of over) state?.end?.()
  }
}
