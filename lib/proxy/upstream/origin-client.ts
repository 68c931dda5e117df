import { createSecureContext } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import type { Socket } from 'node:net'
import { Agent, Pool } from 'undici'
import type { Dispatcher, buildConnector } from 'undici'
import { BadOption, ClientLeft } from '../../errors.js'
import type { AbsoluteTarget } from '../../fields/target.js'
import { guarded } from '../../platform/guarded.js'
import type { Address } from '../../policy/target/access.js'
import { canonicalHost } from '../../policy/target/canonical-host.js'
import type { Milliseconds } from '../../types.js'
import { sendAsterisk } from './options-asterisk.js'
import { Attempt } from './attempt.js'
import type { Attempted, Sender } from './attempt.js'
import { Connection, connectionIn, kPassenger, reportResets } from './connection.js'
import type { Passenger } from './connection.js'
import type { Detour } from './detour.js'
import { connection } from './dial.js'
import { PINNED_IDLE, PinnedConnections, authenticatesConnection } from './pinned-connections.js'
import type { Requester } from './pinned-connections.js'
import { RESPONSE_HEAD } from './response-head-limit.js'
import { secured } from './secure.js'
import { upstreamError } from './upstream-error.js'

export interface OriginClientOptions {
  /** How long TCP, and then TLS, may take. */
  readonly connectTimeout: Milliseconds
  /** From the last byte of the request to the head of the answer. */
  readonly headersTimeout: Milliseconds
  /** The longest silence within a body. */
  readonly bodyTimeout: Milliseconds
  /** The most octets of a response's head. Default {@link RESPONSE_HEAD}. */
  readonly maxResponseHead?: number
  readonly localAddress?: string | undefined
  /** For `https://` targets, whose TLS we open and verify. */
  readonly tls?: ConnectionOptions | undefined
}

/** A request on its way to the origin. */
export interface Outgoing extends Attempted {
  readonly target: AbsoluteTarget
  /** Where the policy lets it go. */
  readonly addresses: readonly Address[]
  /** How it goes, in the place of a connection to one of those. */
  readonly detour?: Detour | undefined
  readonly method: string
  /** A flat raw list, this hop's fields removed and ours added. */
  readonly fields: string[]
  readonly content: AsyncIterable<Buffer> | null
  /** How long the origin may be silent, of this request alone. Default: as the options say. */
  readonly timeout?: Milliseconds | undefined
  /** Protocols to offer. `OPTIONS *` goes without. */
  readonly upgrade?: readonly string[] | undefined
  /** Whose request it is. */
  readonly requester: Requester
}

/** Sends requests to origins and hands the answer to a handler. */
export interface OriginClient {
  /**
   * @returns To be called when no client waits for the response any more: a detour that no other
   *   request waits for is given up.
   */
  send (outgoing: Outgoing, handler: Dispatcher.DispatchHandler): () => void
  close (): Promise<void>
}

/**
 * The client towards origins: undici's agent, one pool for each origin *and* set of approved
 * addresses. So a kept connection is reused only where the policy of this very request would have
 * opened it. What an origin authenticates a connection for is the client connection's own.
 *
 * @param tlsOption - What errors call the TLS options.
 * @quirk undici-connects-for-aborted
 * @quirk undici-repeats-connect
 */
export function createOriginClient (options: OriginClientOptions, tlsOption = 'forward.tls'): OriginClient {
  const { connectTimeout, headersTimeout, bodyTimeout, maxResponseHead = RESPONSE_HEAD, localAddress, tls } = options
  readSecureContext(tls, tlsOption)

  async function open ({ target: { scheme, host, port }, addresses, detour }: Way, place: Place): Promise<Socket> {
    const socket = detour === undefined
      ? await connection(addresses, port, { connectTimeout, localAddress })
      : await byDetour(detour, place)
    return scheme === 'https' ? await secured(socket, canonicalHost(host), connectTimeout, tls) : socket
  }

  const underWay = new Map<string, Place>()
  const settings = { pipelining: 1, headersTimeout, bodyTimeout, maxHeaderSize: maxResponseHead }
  const agent = new Agent({
    ...settings,
    factory: (key, given) => new Pool(UNUSED_ORIGIN, {
      ...given, factory: connectionIn, connect: connectorTo(key as string)
    })
  })
  const pins = new PinnedConnections()

  function connectorTo (key: string): buildConnector.connector {
    return reportResets((_target, callback) => {
      const place = underWay.get(key)
      // undici opens a connection for a request that was aborted, too, before it drops it.
      if (place === undefined) return callback(new ClientLeft('response'), null)
      // Of node's errors there is one that undici would try again for ever.
      open(place.way, place).then(
        guarded((socket: Socket) => callback(null, socket)),
        guarded((error: Error) => callback(upstreamError(error), null))
      )
    })
  }

  function pin (key: string): Dispatcher {
    return new Pool(UNUSED_ORIGIN, {
      ...settings, connections: 1, keepAliveTimeout: PINNED_IDLE, factory: connectionIn, connect: connectorTo(key)
    })
  }

  const sender: Sender<SentToOrigin> = {
    headersTimeout,
    again (sent, attempt) {
      const client = new Connection(UNUSED_ORIGIN, { ...settings, connect: connectorTo(sent.origin) })
      client.dispatch(optionsOf(sent, true, attempt), attempt)
      client.close() // when that is over
    },
    ended (sent) {
      const { origin, place } = sent
      leave(sent)
      place.count -= 1
      if (place.count === 0) underWay.delete(origin)
    }
  }

  return {
    send (outgoing, handler) {
      const { target, addresses, detour, fields, content, requester, timeout, trail } = outgoing
      if (target.path === '*') {
        const sent = { ...outgoing, origin: '', place: new Place(outgoing), hasLeft: false }
        open(outgoing, sent.place)
          .then((socket) => {
            if (trail !== undefined) trail.address = socket.remoteAddress
            sendAsterisk(socket, { fields, content, headersTimeout, bodyTimeout, maxResponseHead }, handler)
          })
          .catch((error) => handler.onResponseError?.(undefined as never, error))
        return () => leave(sent)
      }
      const { scheme, host, port } = target
      const origin = `${scheme} ${host} ${port} ${detour === undefined ? list(addresses) : detour.key}`
      const authenticates = authenticatesConnection(fields)
      const pinned = pins.find(requester, origin, authenticates, () => pin(origin))
      let place = underWay.get(origin)
      if (place === undefined) underWay.set(origin, place = new Place(outgoing))
      else place.add(outgoing)
      const sent = { ...outgoing, origin, place, hasLeft: false }
      const by = timeout === undefined ? sender : { ...sender, headersTimeout: timeout }
      const attempt = new Attempt(handler, by, sent, pinned === undefined)
      ;(pinned ?? agent).dispatch(optionsOf(sent, pinned === null, attempt), attempt)
      return detour === undefined ? ignore : () => leave(sent)
    },
    async close () {
      await Promise.all([agent.destroy(), pins.close()])
    }
  }
}

/** Where a pool would connect to, if we did not do that. */
const UNUSED_ORIGIN = 'http://origin.invalid'

/** Where a connection goes. */
type Way = Pick<Outgoing, 'target' | 'addresses' | 'detour'>

/** The requests that are under way to one origin in one way. */
class Place {
  /** Those that have not ended. */
  count = 1
  /** Those of them that a client waits for. */
  private waiting = 1
  /** What gives up detours that are being opened. */
  private openings: Set<() => void> | undefined

  /** @param way - That of the request sent last. */
  constructor (public way: Way) {}

  add (way: Way): void {
    this.count += 1
    this.waiting += 1
    this.way = way
  }

  /** @returns The list that what gives up a detour is to be on while it is opened. */
  begin (): Set<() => void> {
    this.openings ??= new Set()
    return this.openings
  }

  /** One client less waits. */
  leave (): void {
    this.waiting -= 1
    if (this.waiting === 0) for (const giveUp of this.openings ?? []) giveUp()
  }
}

/** No client waits for it any more. */
function leave (sent: SentToOrigin): void {
  if (sent.hasLeft) return
  sent.hasLeft = true
  sent.place.leave()
}

function ignore (): void {}

function byDetour (detour: Detour, place: Place): Promise<Socket> {
  const openings = place.begin()
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      cancel()
      reject(new ClientLeft('response'))
    }
    openings.add(giveUp)
    const cancel = detour.open((failure, socket) => {
      openings.delete(giveUp)
      if (failure === null) resolve(socket!)
      else reject(failure)
    })
  })
}

/** A request that has been sent, and what its connections are kept under. */
interface SentToOrigin extends Outgoing {
  readonly origin: string
  readonly place: Place
  hasLeft: boolean
}

/**
 * @param reset - The connection serves no other request.
 * @param passenger - Learns which connection it is.
 */
function optionsOf (
  { origin, target: { path }, method, fields, content, upgrade, timeout }: SentToOrigin, reset: boolean,
  passenger: Passenger
): Dispatcher.DispatchOptions {
  const options = {
    origin,
    path,
    method,
    headers: fields,
    body: content as never,
    ...(reset && { reset }),
    ...(upgrade !== undefined && { upgrade: upgrade.join(', ') }),
    ...(timeout !== undefined && { headersTimeout: timeout, bodyTimeout: timeout }),
    [kPassenger]: passenger
  }
  return options
}

/** Sorted, so that a resolver that rotates its answers does not make a new pool each time. */
function list (addresses: readonly Address[]): string {
  if (addresses.length === 1) return addresses[0]!.address
  return addresses.map(({ address }) => address).sort().join()
}

/**
 * What node cannot use stops the boot. Found out after the dial, it would leave a connection
 * without an owner.
 */
function readSecureContext (tls: ConnectionOptions | undefined, option: string): void {
  try {
    createSecureContext(tls)
  } catch {
    throw new BadOption(option, 'options that node can use', typeof tls)
  }
}
