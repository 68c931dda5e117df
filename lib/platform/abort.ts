import type { ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import type { Http2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { once } from './guarded.js'
import { streamOf } from './message-state.js'

const { NGHTTP2_CONNECT_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants

/** Whether it is a stream of HTTP/2, and no connection of its own. */
export function isHttp2Stream (side: Duplex): side is Http2Stream {
  return 'rstCode' in side
}

/** Streams whose failures are those of RFC 8441. */
const cancelled = new WeakSet<Http2Stream>()

/**
 * Says that a stream is a WebSocket: a reset of the connection behind it is `CANCEL` (RFC 8441, 5).
 */
export function resetWithCancel (stream: Http2Stream): void {
  cancelled.add(stream)
}

/** The connection carries what no tunnel may: trailers, for one (RFC 9113, 8.5). */
export function resetForProtocolError (stream: Http2Stream): void {
  resetStream(stream, NGHTTP2_PROTOCOL_ERROR)
}

/**
 * Passes a failure on as one: a clean end would make cut-off data look complete. Of a stream of
 * HTTP/2 it is the error of the connection behind it (RFC 9113, 8.5), unless
 * {@link resetWithCancel}.
 *
 * @quirk node-reset-tcp-only
 * @quirk node-reset-behind-end
 */
export function propagateReset (side: Duplex): void {
  if (isHttp2Stream(side)) return resetStream(side, cancelled.has(side) ? NGHTTP2_CANCEL : NGHTTP2_CONNECT_ERROR)
  if (isEnding(side)) {
    side.destroy()
    return
  }
  try {
    (side as Socket).resetAndDestroy()
  } catch {
    side.destroy() // only a TCP socket can: not TLS, nor a socket in the file system
  }
}

/**
 * Whether all that was written has gone out, and the end is on its way: nothing is left to cut off.
 */
function isEnding ({ writableEnded, writableLength, writableFinished }: Duplex): boolean {
  return writableEnded && writableLength === 0 && !writableFinished
}

/** Ends a side at once, for a reason that is neither its own nor the other side's. */
export function abort (side: Duplex): void {
  if (isHttp2Stream(side)) resetStream(side, NGHTTP2_CANCEL)
  else side.destroy()
}

/**
 * Cuts a response that cannot be completed, and with HTTP/1.x its connection.
 *
 * @quirk node-abort-before-turn
 */
export function abortResponse (response: ServerResponse): void {
  const stream = streamOf(response)
  if (stream !== undefined) return resetStream(stream, NGHTTP2_INTERNAL_ERROR)
  // For HTTP/1.0 the end of the connection may be the end of the answer, but for a reset (RFC 9112,
  // 8).
  if (response.req.httpVersionMinor === 0 && response.socket !== null) propagateReset(response.socket)
  // One that is pipelined has its connection later. Node 24 would then send what has been written,
  // and never end it.
  if (response.socket === null) once(response, 'socket', (socket: Socket) => socket.destroy())
  response.destroy()
}

/**
 * Whether the other end has reset a stream. Node tells its reader of an end all the same.
 *
 * @quirk node-http2-reset-reads-as-end
 */
export function wasReset (side: Duplex): boolean {
  return isHttp2Stream(side) && (side.aborted || side.rstCode !== 0)
}

/**
 * Whether there is no other end any more of a connection whose reader was told of an end: it was
 * reset, and what is written to it gets nowhere. Node tells of an end where the reset came together
 * with octets, and where it failed a write of node's own: that of the session tickets behind a TLS
 * handshake. Behind the latter no write is ever through, nor does it fail.
 *
 * @quirk node-reset-reads-as-end
 */
export function hasLostPeer (side: Duplex): boolean {
  if (side.writableFinished) return false // it has closed as it should
  const { _handle: handle } = side as Connected
  return Boolean(handle?.getpeername?.({})) // the public `remoteAddress` remembers the peer that was
}

/**
 * What node has below a socket, unless that is destroyed. One in the file system has no such
 * function.
 */
type Connected = Duplex & { readonly _handle?: { getpeername?(address: object): number } | null }

/**
 * Node ends a stream before it resets it, unless something is being written: the end would go out,
 * and look like one. And it waits for its reset to go out, which may be never.
 *
 * @quirk node-http2-end-before-reset
 */
function resetStream (stream: Http2Stream, code: number): void {
  if (stream.destroyed) return
  if (!stream.writableEnded) stream.write(EMPTY)
  stream.close(code)
  stream.destroy()
}

const EMPTY = Buffer.alloc(0)
