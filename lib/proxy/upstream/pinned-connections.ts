import type { IncomingMessage } from 'node:http'
import type { Dispatcher } from 'undici'
import { valuesOf } from '../../fields/raw-list.js'
import { isOfOneUser } from '../../platform/connection.js'
import { once } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'

/** Whose request it is: the connection it came on, and the user that we know, if any. */
export interface Requester {
  readonly raw: IncomingMessage
  readonly name: string
}

/** What has such connections. */
interface Closing {
  /** Ends it when what is under way is over. */
  close (): Promise<void>
  destroy (): Promise<void>
}

type Pinned = Pick<Dispatcher, 'dispatch' | 'close' | 'destroy'>

/**
 * The most upstreams that one client connection has connections of its own to. The one used longest
 * ago goes first.
 */
const MAX_UPSTREAMS = 8

/** How long a connection of one's own is kept without a request: it may be worth a login. */
export const PINNED_IDLE: Milliseconds = 60_000

/**
 * Connections to upstreams that belong to one client connection. An upstream's own NTLM or
 * Negotiate authenticates the connection it runs on; whatever comes on that later would be that
 * user's, so no other's may (RFC 4559, 6). They close with the client's.
 *
 * A user that we know ourselves counts too: where several users come on one connection after all,
 * none gets another's.
 */
export class PinnedConnections<Client extends Closing = Pinned> {
  private readonly key = Symbol('fastify-proxy-auth.pins')
  private readonly live = new Set<Client>()

  /** How many connections of their own client connections have. */
  get size (): number { return this.live.size }

  /**
   * Finds the client for a request.
   *
   * @param upstream - What it is sent to, as a text.
   * @param authenticates - Whether it authenticates the connection that it is sent on.
   * @param open - Makes a client with a connection of its own.
   * @returns `undefined`: one that all share will do. `null`: it must get a connection that serves
   *   nothing else.
   */
  find (
    { raw, name }: Requester, upstream: string, authenticates: boolean, open: () => Client
  ): Client | null | undefined {
    if (!authenticates && this.live.size === 0) return undefined // there are none at all
    if (!isOfOneUser(raw)) return authenticates ? null : undefined
    const pinned = (raw.socket as unknown as Record<symbol, Map<string, Client> | undefined>)[this.key]
    if (pinned === undefined && !authenticates) return undefined
    const own = pinned ?? this.begin(raw)
    const key = `${name}\n${upstream}`
    let client = own.get(key)
    if (client === undefined) {
      if (!authenticates) return undefined
      client = open()
      this.live.add(client)
    }
    own.delete(key) // so that it comes last
    own.set(key, client)
    if (own.size > MAX_UPSTREAMS) {
      const [oldest, longest] = own.entries().next().value!
      own.delete(oldest)
      this.live.delete(longest)
      longest.close().catch(() => {}) // what is under way may end
    }
    return client
  }

  /** Closes them all. */
  async close (): Promise<void> {
    await Promise.all([...this.live].map((client) => this.end(client)))
  }

  private begin ({ socket }: IncomingMessage): Map<string, Client> {
    const own = new Map<string, Client>()
    Object.defineProperty(socket, this.key, { value: own })
    once(socket, 'close', () => {
      for (const client of own.values()) this.end(client)
      own.clear()
    })
    return own
  }

  private async end (client: Client): Promise<void> {
    this.live.delete(client)
    await client.destroy()
  }
}

/**
 * Whether a request authenticates the connection it is sent on, at the origin: by NTLM or
 * Negotiate. Such a connection serves no other request, since what comes on it would be another
 * user's (RFC 9110, 3.3).
 *
 * @param fields - The request's, as a flat raw list.
 */
export function authenticatesConnection (fields: readonly string[]): boolean {
  return valuesOf(fields, 'authorization').some((value) => /^(?:NTLM|Negotiate)\b/i.test(value))
}
