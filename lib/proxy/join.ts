import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Milliseconds } from '../types.js'
import { closeInStages } from './close-in-stages.js'
import type { Exchange } from './exchanges.js'

export interface JoinOptions {
  /** No byte either way for this long ends it. 0: no limit. */
  readonly idleTimeout: Milliseconds
  /** It lives no longer than this. 0: as long as it likes. */
  readonly maxDuration: Milliseconds
}

/** A socket, or a stream with a timer like a socket's. */
type Side = Duplex & { setTimeout (time: Milliseconds, expired: () => void): unknown }

/**
 * Joins two streams until both have ended. The end of one side is passed on as an end (half-close), so what the
 * other still has to say arrives; a failure of one side destroys the other, unless all that came from it is on its way.
 *
 * @param ended - Called once, when both are closed, with the reason if it was not their own doing.
 * @returns The exchange, to be ended from outside.
 */
export function join (client: Side, upstream: Side, options: JoinOptions, ended: (reason?: string) => void): Exchange {
  let reason: string | undefined
  let open = 2
  let timer: NodeJS.Timeout | undefined

  const stop = (why: string) => {
    reason ??= why
    client.destroy()
    upstream.destroy()
  }
  const idle = () => stop('idle')
  const watch = (side: Side, other: Side) => {
    side.on('error', (error: NodeJS.ErrnoException) => {
      reason ??= error.code ?? 'error'
      if (side.readableEnded) closeInStages(other)
      else reset(other)
    })
    side.on('close', () => {
      open -= 1
      if (open === 0) {
        clearTimeout(timer)
        ended(reason)
      } else if (side.readableEnded) other.setTimeout(options.idleTimeout, idle) // it may have to be rid of its last bytes
      else stop('aborted') // it failed: the other must not wait for its end
    })
  }
  watch(client, upstream)
  watch(upstream, client)
  // Every byte is read from one socket and written to the other, so one timer sees both ways.
  upstream.setTimeout(options.idleTimeout, idle)
  if (options.maxDuration > 0) timer = setTimeout(stop, options.maxDuration, 'expired')

  client.pipe(upstream)
  upstream.pipe(client)
  return { end: stop }
}

/** Passes a failure on as one: a clean end would make cut-off data look complete. */
function reset (side: Duplex): void {
  try {
    (side as Socket).resetAndDestroy()
  } catch {
    side.destroy() // only a TCP socket can: not TLS, a socket in the file system, a stream of HTTP/2
  }
}
