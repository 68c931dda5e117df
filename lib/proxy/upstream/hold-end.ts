import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/**
 * Keeps the end of a connection back until all before it has been read to its end, and that has
 * been taken. undici does not read while a response has to wait for its client. An end that comes
 * then is the loss of the connection to it, though of the response nothing may be missing but the
 * word that it is over; and behind content without a length it throws, in an event.
 *
 * It reads until nothing is left when the response goes on. That is how this is told.
 *
 * @quirk undici-ends-waiting
 * @quirk undici-throws-on-end
 */
export function holdEnd (socket: Socket): void {
  const { push, read } = socket
  /** Something was read, and not yet that nothing follows. */
  let isBehind = false
  let isHeld = false
  const isWaiting = () => socket.readableFlowing !== true && (isBehind || socket.readableLength > 0)
  const end = () => {
    isHeld = false
    push.call(socket, null)
    read.call(socket, 0) // as node does: else nothing would tell of it
  }
  socket.push = (chunk, encoding) => {
    if (chunk !== null || !isWaiting()) return push.call(socket, chunk, encoding)
    isHeld = true
    return false
  }
  socket.read = (size) => {
    const chunk = read.call(socket, size) as ReturnType<Readable['read']>
    if (size !== undefined) return chunk
    isBehind = chunk !== null
    if (isHeld && !isBehind) end()
    return chunk
  }
}
