// A connection whose octets cost little to read: all share one buffer, as each is done with it when the next one reads.
import { connect } from 'node:net'
import type { Socket } from 'node:net'

const shared = Buffer.allocUnsafeSlow(65_536)

/** @param receive - The chunk is good until it returns. */
export function connectTo (port: number, receive: (chunk: Buffer) => void): Socket {
  const callback = (length: number, buffer: Uint8Array): boolean => {
    receive((buffer as Buffer).subarray(0, length))
    return true
  }
  return connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: shared, callback } })
}

/** Resolves when it is closed, whether it has failed or not. */
export function closed (stream: { once (event: 'close', listener: () => void): unknown, destroyed: boolean }): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve()
    else stream.once('close', () => resolve())
  })
}
