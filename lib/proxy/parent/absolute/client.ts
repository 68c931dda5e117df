import type { Socket } from 'node:net'
import { Agent, Client, Pool } from 'undici'
import type { Dispatcher, buildConnector } from 'undici'
import { ClientLeft } from '../../../errors.js'
import { guarded } from '../../../platform/guarded.js'
import type { Parent } from '../../../policy/parent/parent.js'
import { Shares } from '../../../store/shares.js'
import type { Milliseconds } from '../../../types.js'
import { PinnedConnections, authenticatesConnection } from '../../upstream/pinned-connections.js'
import { reportResets } from '../../upstream/connection.js'
import type { Requester } from '../../upstream/pinned-connections.js'
import { MAX_KEPT } from './repeatable-content.js'
import { Lane, Lanes } from './lanes.js'
import type { LaneOwner } from './lanes.js'
import { ANONYMOUS } from '../login/anonymous.js'
import type { Login } from '../login/login.js'
import { parentFailure } from '../parent-failure.js'
import { numberOf } from '../parent-number.js'

export interface AbsoluteClientOptions {
  /** Opens a connection on which the parent is spoken with in HTTP. */
  readonly connect: (parent: Parent) => Promise<Socket>
  /** From the last octet of the request to the head of the response. */
  readonly headersTimeout: Milliseconds
  /** The longest silence within content. */
  readonly bodyTimeout: Milliseconds
  /** The most octets of a response's head. */
  readonly maxResponseHead: number
}

/** An account at a parent. */
export interface ParentAccount {
  readonly parent: Parent
  readonly login: Login
  /** What its connections are kept under. */
  readonly key: string
}

/** The most connections of an account that is known by its connection that wait for a request. */
const MAX_OF_ACCOUNT = 8
/** The most content that is kept of all requests, to be sent again, and of those of one user. */
const ROOM = 64 * MAX_KEPT
const SHARE = 16 * MAX_KEPT

/** Serves one request. */
const UNSHARED: LaneOwner = Object.freeze({ key: '', most: 0 })

/**
 * The connections to parents by which requests in absolute-form go. What may be shared is in pools,
 * one for each account at each parent. Where the parent authenticates the connection, or a target
 * does that another user must not get at, each request has a {@link Lane}.
 *
 * @quirk undici-connects-for-aborted
 */
export class AbsoluteClient {
  readonly headersTimeout: Milliseconds
  readonly room = new Shares(ROOM, SHARE)
  private readonly connect: AbsoluteClientOptions['connect']
  private readonly settings: Client.Options
  private readonly agent: Agent
  private readonly lanes = new Lanes()
  private readonly opened = new Set<Lane>()
  private readonly pins = new PinnedConnections<Pin>()
  private pinned = 0
  private readonly forgotten = new WeakSet<Login>()
  private readonly underWay = new Map<string, number>()
  /** Whose pool is asked for, which the agent makes at once. */
  private asking!: ParentAccount

  constructor ({ connect, headersTimeout, bodyTimeout, maxResponseHead }: AbsoluteClientOptions) {
    this.connect = connect
    this.headersTimeout = headersTimeout
    this.settings = { pipelining: 1, headersTimeout, bodyTimeout, maxHeaderSize: maxResponseHead }
    this.agent = new Agent({
      ...this.settings,
      factory: (_key, given) => new Pool(UNUSED_ORIGIN, { ...given, connect: this.connectorTo(this.asking) })
    })
  }

  account (parent: Parent, login: Login): ParentAccount {
    return { parent, login, key: `${numberOf(parent)} ${login.account}` }
  }

  /** The account by which nothing is sent. */
  noAccount (parent: Parent): ParentAccount {
    return this.account(parent, ANONYMOUS)
  }

  /**
   * Whose connection a request needs.
   *
   * @param target - What the parent is asked for, as a text.
   * @returns `undefined`: one that all of the account share will do.
   */
  ownerFor (
    { key, login }: ParentAccount, requester: Requester, target: string, fields: readonly string[]
  ): LaneOwner | undefined {
    const pin = this.pins.find(requester, `${key} ${target}`, authenticatesConnection(fields), () => new Pin(`pin ${++this.pinned}`, this.lanes))
    if (pin !== undefined) return pin ?? UNSHARED
    if (!login.bindsConnection) return undefined
    return { key, most: login.scheme === null ? 0 : MAX_OF_ACCOUNT }
  }

  /** Whether the parent wants credentials of the account with each request all the same. */
  isForgotten ({ login }: ParentAccount): boolean {
    return this.forgotten.has(login)
  }

  /** The parent has not known a connection that it had just accepted credentials on. */
  forget ({ login }: ParentAccount): void {
    this.forgotten.add(login)
  }

  /** Sends a request on a connection that the requests of the account share. */
  send (account: ParentAccount, options: Omit<Dispatcher.DispatchOptions, 'origin'>, handler: Dispatcher.DispatchHandler): void {
    const { key } = account
    this.asking = account
    this.underWay.set(key, (this.underWay.get(key) ?? 0) + 1)
    this.agent.dispatch({ ...options, origin: key }, handler)
  }

  /** Sends it once more, on a connection of its own. */
  again (account: ParentAccount, options: Omit<Dispatcher.DispatchOptions, 'origin'>, handler: Dispatcher.DispatchHandler): void {
    const client = new Client(UNUSED_ORIGIN, { ...this.settings, connect: this.connectorTo(account) })
    client.dispatch({ ...options, reset: true }, handler)
    client.close() // when that is over
  }

  /** To be called once for each {@link send}, when it is over. */
  ended ({ key }: ParentAccount): void {
    const others = this.underWay.get(key)! - 1
    if (others === 0) this.underWay.delete(key)
    else this.underWay.set(key, others)
  }

  /** Takes a connection of the owner that waits for a request. */
  take (owner: LaneOwner): Lane | undefined {
    return this.lanes.take(owner)
  }

  /** Opens a connection for one owner. */
  async open (parent: Parent): Promise<Lane> {
    const lane = new Lane(await this.connect(parent), this.settings, () => {
      this.opened.delete(lane)
      this.lanes.forget(lane)
    })
    this.opened.add(lane)
    return lane
  }

  /** Gives back a connection whose request is over. */
  give (lane: Lane, owner: LaneOwner): void {
    this.lanes.give(lane, owner)
  }

  async close (): Promise<void> {
    for (const lane of this.opened) lane.destroy()
    await Promise.all([this.agent.destroy(), this.pins.close()])
  }

  private connectorTo ({ parent, key }: ParentAccount): buildConnector.connector {
    return reportResets((_target, callback) => {
      // undici opens a connection for a request that was aborted, too, before it drops it.
      if (!this.underWay.has(key)) return callback(new ClientLeft('response'), null)
      this.connect(parent).then(
        guarded((socket: Socket) => callback(null, socket)),
        // Of node's errors there is one that undici would try again for ever.
        guarded((error: Error) => callback(parentFailure(parent, error, 'connecting'), null))
      )
    })
  }
}

/**
 * The connection to a parent that belongs to a connection of a client, for a target that
 * authenticates it.
 */
class Pin implements LaneOwner {
  readonly most = 1
  isGone = false

  constructor (readonly key: string, private readonly lanes: Lanes) {}

  async close (): Promise<void> {
    this.isGone = true
    this.lanes.endAll(this)
  }

  async destroy (): Promise<void> {
    await this.close()
  }
}

/** Where a pool would connect to, if we did not do that. */
const UNUSED_ORIGIN = 'http://parent.invalid'
