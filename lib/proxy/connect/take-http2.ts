import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import { isExtendedConnect } from '../../fields/extended-connect.js'
import { once } from '../../platform/guarded.js'
import { streamOf } from '../../platform/message-state.js'
import { markConnect } from './connect-request.js'
import { refusalHead } from './refusal.js'
import { notImplemented } from '../upgrade/extended-connect.js'
import { http2Fields } from '../../fields/http2-fields.js'
import { resetForProtocolError } from '../../platform/abort.js'
import { receive } from '../ingress/target-form.js'

const EMPTY = Buffer.alloc(0)

/**
 * Takes a CONNECT of HTTP/2, which node gives to the same event with a request and a response, into
 * Fastify's lifecycle. What is refused ends its stream, and nothing else of the connection; what is
 * let in is a tunnel on that stream.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9113#section-8.5 RFC 9113, 8.5}
 */
export function takeConnectStream (app: FastifyInstance, request: IncomingMessage, response: ServerResponse): void {
  if (isExtendedConnect(request)) return notImplemented(response)
  const stream = streamOf(request) as ServerHttp2Stream
  receive(request)
  markConnect(request, { client: stream, head: EMPTY, open: (fields) => open(stream, fields), whenEnded: undefined })
  govern(response)
  app.routing(request, response)
}

function open (stream: ServerHttp2Stream, fields: readonly string[]): ServerHttp2Stream {
  if (stream.destroyed || stream.closed) return stream // the client left at the last moment
  // Nothing but DATA belongs on the stream from here on (RFC 9113, 8.5).
  once(stream, 'trailers', () => resetForProtocolError(stream))
  stream.respond({ ':status': 200, ...http2Fields(fields) }, { sendDate: false } as object)
  return stream
}

/**
 * Makes of the response one that can only refuse, without an interim answer: most clients take that
 * for the end.
 */
function govern (response: ServerResponse): void {
  const { writeHead } = response
  response.writeHead = (status: number, ...rest: unknown[]) => {
    const { refusal, fields } = refusalHead(response, status, rest)
    return writeHead.call(response, refusal, fields)
  }
  response.writeContinue = () => {}
  response.writeEarlyHints = () => {}
}
