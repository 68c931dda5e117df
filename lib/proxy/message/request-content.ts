import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { ClientLeft } from '../../errors.js'
import { announcesContent } from '../../fields/announces-content.js'
import { abort, wasReset } from '../../platform/abort.js'
import { guarded } from '../../platform/guarded.js'
import { streamOf } from '../../platform/message-state.js'
import type { Milliseconds } from '../../types.js'
import type { Allowance } from '../exchange/allowance.js'
import { upgradeOf } from './upgrade.js'

/** Counts what went through. */
export interface Tally {
  /** Content octets from the client. */
  bytesIn: number
  /** When the last of it went on, by `performance.now()`; `undefined` before. */
  endedAt?: Milliseconds
  /** Has to give leave for each octet. Left out: they all may go. */
  allowance?: Allowance
}

type MayBeHttp2 = IncomingMessage & { readonly stream?: { readonly endAfterHeaders: boolean } }

/**
 * The content of a request as undici takes it, of HTTP/2 as well; `null` when there is none. Read
 * only once the connection to the target stands, so a client that expects a 100 gets none before. A
 * failure towards the target leaves the request alone, since destroying it would cut the connection
 * the response has to go out on.
 *
 * What the reader leaves of it is read and dropped. Else an upstream that responds early, or fails,
 * would leave the client's connection stuck behind the rest of an upload (RFC 9112, 9.3).
 *
 * @param bodyTimeout - How long the client may send nothing while more is wanted; then its
 *   connection, or its stream, is cut. 0: as long as it likes.
 * @param body - Where this is a stream, it is the content: it had to be read before, and was kept.
 */
export function requestContent (
  request: MayBeHttp2, tally: Tally, bodyTimeout: Milliseconds, body?: unknown
): AsyncGenerator<Buffer> | null {
  if (upgradeOf(request) !== undefined) return null // what comes is of the other protocol
  if (body instanceof Readable) return content(request, body, tally, 0)
  // HTTP/2 frames its content, with or without a length; HTTP/1.1 says so in a field.
  const { stream } = request
  const hasContent = stream === undefined ? announcesContent(request) : !stream.endAfterHeaders
  return hasContent ? content(request, request, tally, bodyTimeout) : null
}

async function * content (
  request: IncomingMessage, source: Readable, tally: Tally, bodyTimeout: Milliseconds
): AsyncGenerator<Buffer> {
  let waiting = true
  const cut = guarded(() => { if (waiting) cutRequest(request) })
  const timer = bodyTimeout === 0 ? undefined : setTimeout(cut, bodyTimeout)
  try {
    for await (const chunk of source === request ? received(request) : source.iterator({ destroyOnReturn: false })) {
      waiting = false
      for (let rest: Buffer = chunk; rest.length > 0;) {
        const { allowance } = tally
        const octets = allowance === undefined ? rest.length : await allowance.take(rest.length)
        tally.bytesIn += octets
        yield octets === rest.length ? rest : rest.subarray(0, octets)
        rest = rest.subarray(octets)
      }
      waiting = true
      timer?.refresh()
    }
    tally.endedAt = performance.now()
  } finally {
    clearTimeout(timer)
    request.resume()
  }
}

/**
 * Node ends the content of a stream that was reset as if that were all of it.
 *
 * @quirk node-http2-reset-reads-as-end
 */
async function * received (request: IncomingMessage): AsyncGenerator<Buffer> {
  const stream = streamOf(request)
  try {
    yield * request.iterator({ destroyOnReturn: false })
  } catch (cause) {
    throw stream === undefined ? cause : new ClientLeft('end of its content', { cause })
  }
  if (stream !== undefined && wasReset(stream)) throw new ClientLeft('end of its content')
}

function cutRequest (request: IncomingMessage): void {
  const stream = streamOf(request)
  if (stream === undefined) request.destroy(new ClientLeft('end of its content'))
  else abort(stream)
}
