import type { Socket } from 'node:net'
import { guarded, once } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'

/**
 * How long they have before an upgrade whose connection none of them has touched counts as not
 * taken.
 */
const GRACE: Milliseconds = 5_000

/**
 * Calls the application's own listeners of `upgrade`. There is no telling which requests are
 * theirs, and they may look into one for a while; but what takes a connection leaves traces on
 * it.
 *
 * @param call - Calls them.
 * @param waiting - Has, while that is open, what settles it at once.
 * @param nobodys - Called when none of them has taken it.
 */
export function offerToApplication (
  call: () => void, socket: Socket, waiting: Set<() => void>, nobodys: () => void
): void {
  const end = () => {
    clearTimeout(timer)
    waiting.delete(settle)
  }
  const settle = () => {
    const untouched = traces(socket) === before
    end()
    socket.removeListener('close', end)
    if (untouched) nobodys()
  }
  const timer = setTimeout(guarded(settle, socket), GRACE)
  waiting.add(settle)
  once(socket, 'close', end)
  const before = traces(socket)
  call()
}

function traces (socket: Socket): string {
  const listeners = socket.eventNames().map((event) => socket.listenerCount(event))
  return [...listeners, socket.bytesWritten, socket.destroyed, socket.readableFlowing].join()
}
