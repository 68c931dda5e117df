import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { ClientLeft } from '../../errors.js'
import { announcesContent } from '../../fields/announces-content.js'
import { guarded } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'

/** Counts what went through. */
export interface Tally {
  /** Content octets from the client. */
  bytesIn: number
  /** When the last of it went on, by `performance.now()`; `undefined` before. */
  endedAt?: Milliseconds
}

/**
 * The content of a request as undici takes it, `null` when there is none. Read only once the
 * connection to the target stands, so a client that expects a 100 gets none before; a failure
 * towards the target leaves the request alone, since destroying it would cut the connection the
 * answer has to go out on.
 *
 * @param bodyTimeout - How long the client may send nothing while more is wanted; then its
 *   connection is cut. 0, the default: as long as it likes.
 * @param body - Where this is a stream, it is the content: somebody had to read it before, and has
 *   kept it.
 */
export function contentOf (
  request: IncomingMessage, tally: Tally, bodyTimeout: Milliseconds = 0, body?: unknown
): AsyncIterable<Buffer> | null {
  if (body instanceof Readable) return counted(body, tally, 0)
  return announcesContent(request) ? counted(request, tally, bodyTimeout) : null
}

async function * counted (request: Readable, tally: Tally, bodyTimeout: Milliseconds): AsyncGenerator<Buffer> {
  let waiting = true
  const timer = bodyTimeout === 0 ? undefined : setTimeout(guarded(() => { if (waiting) request.destroy(new ClientLeft('end of its content')) }), bodyTimeout)
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      tally.bytesIn += chunk.length
      waiting = false
      yield chunk
      waiting = true
      timer?.refresh()
    }
    tally.endedAt = performance.now()
  } finally {
    clearTimeout(timer)
  }
}
