import type { IncomingMessage } from 'node:http'
import type { Http2Session } from 'node:http2'
import { areWrong } from '../../passport/outcome.js'
import type { Refused } from '../../passport/outcome.js'

/**
 * The most refusals of wrong credentials on one connection: a client that repeats them has to
 * connect again.
 */
const MAX_REFUSALS = 10

/** How many there were, by connection. */
const refusals = new WeakMap<object, number>()

/** A request of node, of HTTP/2 with its stream. */
type Incoming = IncomingMessage & { readonly stream?: { readonly session?: Http2Session | undefined } }

/**
 * Counts a refusal on its connection, if it is one of wrong credentials. Missing ones, a nonce that
 * is no longer good and the legs of a handshake do not count: a client that knows its secret sends
 * those.
 *
 * A session of HTTP/2 takes no more streams behind the last of them, and ends with those it has.
 *
 * @returns Whether the connection of HTTP/1.x is to be closed behind this response.
 */
export function isLastRefusal (request: Incoming, refused: Pick<Refused, 'reason' | 'note'>): boolean {
  if (!areWrong(refused)) return false
  const { socket, stream } = request
  const session = stream?.session
  const connection = session ?? socket
  const count = (refusals.get(connection) ?? 0) + 1
  refusals.set(connection, count)
  if (count < MAX_REFUSALS) return false
  if (stream === undefined) return true
  session?.close()
  return false
}
