import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { valuesOf, withoutField } from '../../fields/raw-list.js'
import { UpstreamProtocol } from '../../errors.js'
import { once } from '../../platform/guarded.js'
import { streamOf } from '../../platform/message-state.js'
import { writeAnyHead } from '../message/response-head.js'
import { resetWithCancel, resetForProtocolError } from '../../platform/abort.js'
import type { Upgrade } from '../message/upgrade.js'

/** RFC 6455, 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

const EMPTY = Buffer.alloc(0)

/**
 * The WebSocket that an extended CONNECT asks for. The handshake of HTTP/1.1 that the upstream gets
 * has a key of ours, since HTTP/2 does without, and the answer to it ends here too; what else the
 * handshake is made of passes as it is.
 *
 * @param request - Gets the key.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8441#section-5 RFC 8441, 5}
 */
export function websocketStream (
  request: IncomingMessage, response: ServerResponse, protocols: readonly string[]
): Upgrade {
  const key = randomBytes(16).toString('base64')
  const accept = createHash('sha1').update(key + GUID).digest('base64')
  writeKey(request, key)
  const { writeHead } = response
  const refuse = response.writeHead = refusing(writeHead)
  return {
    head: EMPTY,
    protocols,
    open (reply, fields) {
      if (valuesOf(fields, 'sec-websocket-accept')[0] !== accept) throw new UpstreamProtocol()
      const stream = streamOf(response)!
      response.writeHead = writeHead
      try {
        writeAnyHead(reply, 200, undefined, withoutField(fields, 'sec-websocket-accept'))
      } finally {
        response.writeHead = refuse
      }
      once(stream, 'trailers', () => resetForProtocolError(stream))
      resetWithCancel(stream)
      return stream
    },
    whenEnded: undefined
  }
}

/**
 * Makes `writeHead` one that can only refuse: any other success than ours would be the client's
 * WebSocket.
 */
function refusing (writeHead: ServerResponse['writeHead']): ServerResponse['writeHead'] {
  return function (this: ServerResponse, status: number, ...rest: unknown[]) {
    return writeHead.call(this, status < 300 ? 403 : status, ...rest as [])
  }
}

function writeKey (request: IncomingMessage, key: string): void {
  const { headers, rawHeaders } = request
  headers['sec-websocket-key'] = key
  rawHeaders.splice(0, Infinity, ...withoutField(rawHeaders, 'sec-websocket-key'), 'sec-websocket-key', key)
}
