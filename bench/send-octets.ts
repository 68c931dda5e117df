import type { Writable } from 'node:stream'

const chunk = Buffer.alloc(65_536, 'x')

/**
 * Writes octets as fast as the other side takes them.
 *
 * @param sent - Called when all have been written.
 */
export function sendOctets (stream: Writable, octets: number, sent: () => void): void {
  let left = octets
  const more = (): void => {
    while (left > 0) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left)
      left -= part.length
      if (stream.write(part)) continue
      stream.once('drain', more)
      return
    }
    sent()
  }
  more()
}
