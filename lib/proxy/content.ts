import type { IncomingMessage } from 'node:http'

/** Counts what went through. */
export interface Tally {
  /** Content octets from the client. */
  bytesIn: number
}

/**
 * The content of a request as undici takes it, `null` when there is none. Read only once the connection to the
 * target stands, so a client that expects a 100 gets none before; a failure towards the target leaves the request
 * alone, since destroying it would cut the connection the answer has to go out on.
 */
export function contentOf (request: IncomingMessage, tally: Tally): AsyncIterable<Buffer> | null {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers
  if (coding === undefined && (length === undefined || Number(length) === 0)) return null
  return counted(request, tally)
}

async function * counted (request: IncomingMessage, tally: Tally): AsyncGenerator<Buffer> {
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    tally.bytesIn += chunk.length
    yield chunk
  }
}
