import { connect } from 'node:net'
import type { LookupFunction, Socket } from 'node:net'
import { ConnectTimeout } from '../errors.js'
import type { Address } from '../policy/access.js'
import type { Milliseconds } from '../types.js'

export interface DialOptions {
  /** How long all attempts together may take. */
  readonly connectTimeout: Milliseconds
  /** The local address to connect from. Default: the system's choice. */
  readonly localAddress?: string
  /** Ends the attempt, and the socket, when the client has gone. */
  readonly signal?: AbortSignal
}

/** How long one address may take before the next is tried beside it (RFC 8305, 5: 250 ms recommended). */
const ATTEMPT_DELAY: Milliseconds = 250

/**
 * Opens a TCP connection to one of `addresses`, and to no other: what the policy looked at is what is dialled, so
 * a name that changes its address in between changes nothing. They are tried in turn, staggered (RFC 8305).
 *
 * @throws {ConnectTimeout} None answered in time. Other failures are node's own, with their `code`.
 */
export function dial (addresses: readonly Address[], port: number, options: DialOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const approved: LookupFunction = (_hostname, { all }, callback) => {
      const [first] = addresses
      if (all) callback(null, [...addresses])
      else callback(null, first!.address, first!.family)
    }
    const socket = connect({
      host: addresses.length === 1 ? addresses[0]!.address : 'approved.invalid', // a name, so that `lookup` is asked
      port,
      lookup: approved,
      localAddress: options.localAddress,
      autoSelectFamily: addresses.length > 1,
      autoSelectFamilyAttemptTimeout: ATTEMPT_DELAY,
      allowHalfOpen: true,
      noDelay: true
    })
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout()), options.connectTimeout)
    const abort = () => socket.destroy(options.signal!.reason)
    options.signal?.addEventListener('abort', abort, { once: true })
    const settle = () => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', abort)
    }
    socket.once('error', error => { settle(); reject(error) })
    socket.once('connect', () => { settle(); resolve(socket) })
    if (options.signal?.aborted) abort()
  })
}
