import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Milliseconds } from '../types.js'
import type { Exchange } from './exchanges.js'

export interface JoinOptions {
  /** No byte either way for this long ends it. */
  readonly idleTimeout: Milliseconds
  /** It lives no longer than this. 0: as long as it likes. */
  readonly maxDuration: Milliseconds
}

/**
 * Joins two streams until both have ended. The end of one side is passed on as an end (half-close), so what the
 * other still has to say arrives; a failure of one side destroys the other.
 *
 * @param ended - Called once, when both are closed, with the reason if it was not their own doing.
 * @returns The exchange, to be ended from outside.
 */
export function join (client: Duplex, upstream: Socket, options: JoinOptions, ended: (reason?: string) => void): Exchange {
  let reason: string | undefined
  let open = 2
  let timer: NodeJS.Timeout | undefined

  const stop = (why: string) => {
    reason ??= why
    client.destroy()
    upstream.destroy()
  }
  const watch = (side: Duplex, other: Duplex) => {
    side.on('error', (error: NodeJS.ErrnoException) => {
      reason ??= error.code ?? 'error'
      reset(other)
    })
    side.on('close', () => {
      open -= 1
      if (open === 0) {
        clearTimeout(timer)
        ended(reason)
      } else if (!side.readableEnded) stop('aborted') // it failed: the other must not wait for its end
    })
  }
  watch(client, upstream)
  watch(upstream, client)
  // Every byte is read from one socket and written to the other, so one timer sees both ways.
  upstream.setTimeout(options.idleTimeout, () => stop('idle'))
  if (options.maxDuration > 0) timer = setTimeout(stop, options.maxDuration, 'expired')

  client.pipe(upstream)
  upstream.pipe(client)
  return { end: () => stop('closing') }
}

/** Passes a failure on as one: a clean end would make cut-off data look complete. */
function reset (side: Duplex): void {
  if (side instanceof Socket && !('encrypted' in side)) side.resetAndDestroy()
  else side.destroy()
}
