import type { FastifyReply, FastifyRequest } from 'fastify'
import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { UpstreamBusy } from '../../errors.js'
import { recordOf } from '../../fields/raw-list.js'
import type { Milliseconds } from '../../types.js'
import { protocolsOf } from '../message/upgrade.js'
import type { Relay } from '../relay/relay.js'
import { Attempt } from '../upstream/attempt.js'
import type { Attempted, Sender } from '../upstream/attempt.js'
import { PinnedConnections, authenticatesConnection } from '../upstream/pinned-connections.js'
import { kPassenger } from '../upstream/connection.js'
import type { Passenger } from '../upstream/connection.js'
import type { ReverseContent } from './upstream-request.js'
import type { Destination } from './destination.js'

/**
 * How many requests of a route may wait for a connection. Those whose clients have left are among
 * them: undici finds that out when it is their turn, and where no connection comes free, as behind
 * an upstream that stalls, there would be no end of them.
 */
const MAX_WAITING = 10_000

/** A request on its way to its upstream. */
export interface OutgoingRequest extends Attempted {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly destination: Destination
  /** The upstream's URL, and the path for it as it was asked for. */
  readonly upstream: string
  readonly source: string
  /** The query with its question mark, or `''`. */
  readonly query: string
  /** A flat raw list, this hop's fields removed and ours added. */
  readonly fields: string[]
  readonly content: ReverseContent['body']
  /**
   * How long the upstream may be silent, of this request alone. Default: as the options of the
   * route say.
   */
  readonly timeout?: Milliseconds | undefined
  /** What is to know where it goes, and how to give up the way there. */
  readonly relay: Pick<Relay, 'record' | 'abandon'>
}

/** Sends requests to the upstream of a route. */
export interface ReverseClient {
  /** The version of the responses, as `Via` has it. */
  readonly version: '1.1' | '2.0'
  /** Whether it sends the content of a request with this method. */
  sendsContent (method: string): boolean
  send (outgoing: OutgoingRequest, handler: Dispatcher.DispatchHandler): void
  /** Ends what was opened here. What the options brought along is theirs. */
  close (): Promise<void>
}

export interface ReverseClientOptions {
  /** Of the dispatcher, where a request has none of its own. 0, the default: none is known. */
  readonly headersTimeout?: Milliseconds | undefined
  /** Whether a request may be sent once more by `another` dispatcher. Default false. */
  readonly repeats?: boolean
  /** How many may wait for a connection. Default 10000. */
  readonly maxWaiting?: number
  /** Ends the dispatcher, where that is to end with the client. */
  readonly end?: () => Promise<void>
}

/**
 * The client of a reverse route over undici's `dispatch`.
 *
 * @param another - Makes another dispatcher like this one, for a client connection of its own.
 *   Without it, what authenticates a connection gets one for itself alone, so no handshake of
 *   several legs gets through.
 * @quirk undici-connects-for-aborted
 * @quirk undici-proxy-agent-lines
 */
export function createReverseClient (
  dispatcher: Pick<Dispatcher, 'dispatch'>, another?: () => Dispatcher,
  { headersTimeout: usual = 0, repeats = false, maxWaiting = MAX_WAITING, end }: ReverseClientOptions = {}
): ReverseClient {
  const pins = new PinnedConnections()
  let waiting = 0
  const sender: Sender<SentToUpstream> = {
    headersTimeout: usual,
    again ({ options }, attempt) {
      const alone = another!()
      alone.dispatch({ ...options, reset: true }, attempt)
      alone.close() // when that is over
    },
    ended () {},
    begun () { waiting -= 1 }
  }
  // Of a list undici's ProxyAgent keeps one line of each name.
  const form = dispatcher instanceof Agent ? (fields: string[]) => fields : recordOf
  return {
    version: '1.1',
    sendsContent: () => true,
    send (
      {
        request: { raw, proxyAuth }, destination: { origin, path }, query, method, fields, content, tally, timeout,
        relay: { record: trail }
      },
      handler
    ) {
      if (waiting >= maxWaiting) return handler.onResponseError?.(undefined as never, new UpstreamBusy())
      const protocols = protocolsOf(raw)
      const authenticates = authenticatesConnection(fields)
      const requester = { raw, name: proxyAuth?.name ?? '' }
      const pinned = another === undefined
        ? authenticates ? null : undefined
        : pins.find(requester, origin, authenticates, another)
      const options: SentToUpstream['options'] = {
        origin,
        path: path + query,
        method: method as Dispatcher.HttpMethod,
        headers: form(fields) as string[],
        body: content as Dispatcher.DispatchOptions['body']
      }
      if (pinned === null) options.reset = true
      if (protocols !== undefined) options.upgrade = protocols.join(', ')
      if (timeout !== undefined) options.headersTimeout = options.bodyTimeout = timeout
      const by = timeout === undefined ? sender : { ...sender, headersTimeout: timeout }
      waiting += 1
      const sent = { method, content, tally, trail, options }
      const attempt = new Attempt(handler, by, sent, repeats && pinned === undefined)
      options[kPassenger] = attempt
      ;(pinned ?? dispatcher).dispatch(options, attempt)
    },
    async close () {
      await Promise.all([end?.(), pins.close()])
    }
  }
}

/** A request that has been sent. */
interface SentToUpstream extends Attempted {
  readonly options: Dispatcher.DispatchOptions & { [kPassenger]?: Passenger }
}
