import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { guarded, on, once } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import { canReuseReads, reuseReads } from '../../platform/reused-reads.js'
import { lingeringClose } from '../../platform/http1/lingering-close.js'
import { abort, hasLostPeer, propagateReset, wasReset } from '../../platform/abort.js'
import type { Meter } from '../../policy/limits/meter.js'
import { reasonOf } from './ended.js'
import type { EndedBy, MovedOctets } from './exchange.js'
import { LONG, MeteredPipe } from './metered-pipe.js'

export interface JoinOptions {
  /** No byte either way for this long ends it. 0: no limit. */
  readonly idleTimeout: Milliseconds
  /** It lives no longer than this. 0: as long as it likes. */
  readonly maxDuration: Milliseconds
}

/** A socket, or a stream with a timer like a socket's, as HTTP/2 has. */
export type Side = Duplex & { setTimeout (time: Milliseconds, expired?: () => void): unknown }

/** Two streams that are joined. */
export interface Joined {
  /** What has gone each way, where that is metered. */
  readonly octets?: (() => MovedOctets) | undefined
  /** Ends both at once. */
  end (why: EndedBy): void
}

/** What a tunnel may begin with. */
export interface JoinStart {
  /** What the client has said already. Default: nothing. */
  readonly head?: Buffer | undefined
  /** What may go, where that has limits. What waits for leave of it is not idle. */
  readonly meter?: Meter | undefined
}

/**
 * Joins two streams until both have ended. The end of one side is passed on as an end (half-close),
 * so what the other still has to say arrives; a failure of one side resets the other, unless all
 * that came from it is on its way.
 *
 * @param ended - Called once, when both are closed, with the reason if it was not their own doing.
 * @returns What it is ended by from outside.
 */
export function join (
  client: Side, upstream: Side, options: JoinOptions, ended: (reason?: string) => void,
  { head = EMPTY, meter }: JoinStart = {}
): Joined {
  let reason: string | undefined
  let open = 2
  let timer: NodeJS.Timeout | undefined
  const active = () => upstream.setTimeout(options.idleTimeout)
  const up = meter && new MeteredPipe(meter, 'up', client, upstream, active)
  const down = meter && new MeteredPipe(meter, 'down', upstream, client, active)

  const stop = (why: EndedBy | 'idle' | 'expired') => {
    reason ??= reasonOf(why)
    abort(client)
    upstream.destroy()
  }
  const idle = guarded(function (this: Side) {
    if (up?.isHeld === true || down?.isHeld === true) this.setTimeout(options.idleTimeout, idle)
    else stop('idle')
  })
  const watch = (side: Side, other: Side, pipe: MeteredPipe | undefined) => {
    let failed = false
    const fail = (why: string) => {
      if (failed) return
      failed = true
      reason ??= why
      if (side.readableEnded) afterAll(pipe, () => lingeringClose(other))
      else propagateReset(other)
    }
    on(side, 'error', (error: NodeJS.ErrnoException) => fail(codeOf(error)), other)
    on(side, 'close', () => {
      open -= 1
      if (open === 0) {
        clearTimeout(timer)
        ended(reason)
      } else if (!side.readableEnded || wasReset(side)) fail('aborted') // the other must not wait for its end
      else {
        afterAll(pipe, () => {
          // It may have to be rid of its last octets; what it sends is for no one any more.
          lingeringClose(other)
          other.setTimeout(options.idleTimeout, idle)
        })
      }
    }, other)
  }
  watch(client, upstream, up)
  watch(upstream, client, down)
  // Every byte is read from one socket and written to the other, so one timer sees both ways.
  upstream.setTimeout(options.idleTimeout, idle)
  if (options.maxDuration > 0) timer = setTimeout(guarded(() => stop('expired')), options.maxDuration)

  if (head.length > 0 && up === undefined) upstream.write(head)
  pass(client, upstream, () => {
    upstream.end()
    if (hasLostPeer(client)) client.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  }, up, head)
  pass(upstream, client, () => {
    if (!hasLostPeer(upstream)) return client.end()
    // What has come is not all: it goes out, and then the reset.
    reason ??= 'ECONNRESET'
    client.write(EMPTY, guarded(() => propagateReset(client)))
    upstream.destroy()
  }, down)
  const octets = up && down && (() => ({ bytesIn: up.moved, bytesOut: down.moved }))
  return { octets, end: stop }
}

/** Does something once nothing is held back by a meter. */
function afterAll (pipe: MeteredPipe | undefined, last: () => void): void {
  if (pipe === undefined) last()
  else pipe.afterAll(last)
}

/**
 * The code of an error, and node's own where a reset of a connection has been renamed for undici,
 * which had it before.
 *
 * @quirk undici-reset-reads-as-end
 */
function codeOf ({ code = 'error' }: NodeJS.ErrnoException): string {
  return code === 'UND_ERR_SOCKET' ? 'ECONNRESET' : code
}

const EMPTY: Buffer = Buffer.alloc(0)

/**
 * Passes on what comes from one side. `ended` is called at its end, which is none where node tells
 * of one for a reset of a stream.
 */
function pass (from: Duplex, to: Duplex, ended: () => void, pipe?: MeteredPipe, head = EMPTY): void {
  const end = () => wasReset(from) ? propagateReset(to) : ended()
  if (pipe === undefined) from.pipe(to, { end: false })
  else pipe.begin(head)
  if (from.readableEnded) return afterAll(pipe, end) // while the other side was dialled
  once(from, 'end', () => afterAll(pipe, end), to)
  if (pipe === undefined && canReuseReads(from) && canReuseReads(to)) reuseWhenLong(from, to)
}

/** Changes the pipe of a tunnel that turns out to be long for what costs less by the octet. */
function reuseWhenLong (from: Socket, to: Socket): void {
  const look = () => {
    if (from.bytesRead < LONG) return
    from.removeListener('data', look)
    process.nextTick(change)
  }
  // Nothing may be left in the pipe.
  const change = guarded(() => {
    // The application may listen as well, or have paused it.
    const isTaken = from.listenerCount('data') > 1 || from.readableLength > 0
    if (isTaken || from.destroyed || from.readableEnded || to.destroyed) return
    from.unpipe(to)
    reuseReads(from, to)
  }, from)
  on(from, 'data', look, to)
}
