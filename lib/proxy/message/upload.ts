import type { IncomingMessage } from 'node:http'
import { ClientLeft } from '../../errors.js'
import { streamOf } from '../../platform/message-stream.js'
import type { Milliseconds } from '../../types.js'
import { contentOf } from './request-content.js'
import type { Tally } from './request-content.js'
import { drained } from './drained.js'
import { abort, wasReset } from '../../platform/abort.js'
import { upgradeOf } from './upgrade.js'

type MayBeHttp2 = IncomingMessage & { readonly stream?: { readonly endAfterHeaders: boolean } }

/**
 * The content of a request, of HTTP/2 as well, `null` when there is none. What the reader leaves of
 * it is read and dropped.
 *
 * @param bodyTimeout - As of {@link contentOf}, and `body` too.
 */
export function requestContent (
  request: MayBeHttp2, tally: Tally, bodyTimeout: Milliseconds, body?: unknown
): AsyncGenerator<Buffer> | null {
  if (upgradeOf(request) !== undefined) return null // what comes is of the other protocol
  const content = contentOf(request.stream === undefined ? request : announced(request), tally, bodyTimeout, body)
  return content === null ? null : drained(request, content)
}

/** HTTP/2 frames its content, with or without a length; HTTP/1.1 says so in a field. */
function announced (request: MayBeHttp2): IncomingMessage {
  const headers = request.stream!.endAfterHeaders ? {} : { 'transfer-encoding': 'chunked' }
  return {
    headers, iterator: () => whole(request), destroy: () => abort(streamOf(request)!)
  } as unknown as IncomingMessage
}

/**
 * Node ends the content of a stream that was reset as if that were all of it.
 *
 * @quirk node-http2-reset-reads-as-end
 */
async function * whole (request: MayBeHttp2): AsyncGenerator<Buffer> {
  const stream = streamOf(request)!
  try {
    yield * request.iterator({ destroyOnReturn: false })
  } catch (cause) {
    throw new ClientLeft('end of its content', { cause })
  }
  if (wasReset(stream)) throw new ClientLeft('end of its content')
}
