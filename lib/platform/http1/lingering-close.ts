import type { Duplex } from 'node:stream'
import { guarded, once } from '../guarded.js'
import type { Milliseconds } from '../../types.js'

/** How long a peer may take to close, once it has been sent everything, whatever it still sends. */
const CLOSE_TIME: Milliseconds = 2_000

/**
 * Half-closes, reads and drops what still comes, closes when the peer has closed or has had its
 * time. Closing at once would reset the connection, and what was sent last might be lost with it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-9.6 RFC 9112, 9.6}
 */
export function lingeringClose (side: Duplex): void {
  if (side.destroyed) return
  const wait = guarded(() => {
    const timer = setTimeout(guarded(() => side.destroy()), CLOSE_TIME)
    once(side, 'close', () => clearTimeout(timer))
  }, side)
  if (side.writableFinished) wait()
  else side.end(wait)
  side.resume()
}
