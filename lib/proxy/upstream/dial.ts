import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { ConnectTimeout } from '../../errors.js'
import { guarded, once } from '../../platform/guarded.js'
import type { Address } from '../../policy/target/access.js'
import type { Milliseconds } from '../../types.js'

export interface DialOptions {
  /** How long all attempts together may take. */
  readonly connectTimeout: Milliseconds
  /** The local address to connect from. Default: the system's choice. */
  readonly localAddress?: string | undefined
}

/**
 * Takes the result of a dial: a failure, or a connection that is the taker's from then on, and the
 * address that it leads to.
 */
export type Dialled = (failure: Error | null, socket?: Socket, address?: string) => void

/**
 * How long one address may take before the next is tried beside it (RFC 8305, 5: 250 ms
 * recommended).
 */
const ATTEMPT_DELAY: Milliseconds = 250

/**
 * Opens a TCP connection to one of `addresses`, and to no other: what the policy looked at is what
 * is dialled, so a name that changes its address in between changes nothing. They are tried in
 * turn, staggered; the first that answers is taken. (Node's own `autoSelectFamily` gives an address
 * up when it tries the next, so a far one never gets its time.)
 *
 * @param addresses - One or more.
 * @param done - Called once, later: with {@link ConnectTimeout} where none answered in time, and
 *   where all fail with the failure of the first to do so, node's, with its `code`.
 * @returns Ends the attempts. `done` is not called any more.
 * @throws What node says of a local address that is none.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8305#section-5 RFC 8305, 5}
 * @quirk node-family-gives-up
 */
export function dial (addresses: readonly Address[], port: number, options: DialOptions, done: Dialled): () => void {
  const { connectTimeout, localAddress } = options
  const attempts = new Set<Socket>()
  let next = 0
  let isOver = false
  let failure: Error | undefined
  let stagger: NodeJS.Timeout | undefined

  const settle = () => {
    isOver = true
    clearTimeout(timer)
    clearTimeout(stagger)
    for (const socket of attempts) socket.destroy()
  }
  const fail = (error: Error) => {
    settle()
    done(error)
  }
  const attempt = () => {
    clearTimeout(stagger)
    const host = addresses[next++]!.address
    const socket = connect({ host, port, localAddress, allowHalfOpen: true, noDelay: true })
    attempts.add(socket)
    const failed = (error: Error) => {
      if (isOver) return
      attempts.delete(socket)
      failure ??= error
      if (next < addresses.length) attempt()
      else if (attempts.size === 0) fail(failure)
    }
    once(socket, 'error', failed)
    once(socket, 'connect', () => {
      if (isOver) return // ended by another listener of this event
      attempts.delete(socket)
      socket.removeListener('error', failed)
      settle()
      done(null, socket, host)
    })
    if (next < addresses.length) stagger = setTimeout(guarded(attempt), ATTEMPT_DELAY)
  }

  attempt()
  const timer = setTimeout(guarded(() => fail(new ConnectTimeout())), connectTimeout)
  return settle
}

/** As {@link dial}, with a promise of the connection. */
export function connection (addresses: readonly Address[], port: number, options: DialOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    dial(addresses, port, options, (failure, socket) => failure === null ? resolve(socket!) : reject(failure))
  })
}
