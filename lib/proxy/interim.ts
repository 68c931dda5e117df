import type { FastifyReply } from 'fastify'

/**
 * Passes an interim answer on, but not to HTTP/1.0, which has none (RFC 9110, 15.2), and not to HTTP/2, where node
 * takes none in this shape.
 *
 * @param fields - A flat raw list, this hop's fields removed.
 */
export function writeInterim ({ raw, request }: FastifyReply, status: number, reason: string | undefined, fields: readonly string[]): void {
  const { httpVersionMajor, httpVersionMinor } = request.raw
  if (httpVersionMajor !== 1 || httpVersionMinor === 0 || raw.headersSent) return
  let head = `HTTP/1.1 ${status} ${reason ?? ''}\r\n`
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`
  // node has public methods for 102 and 103 alone, and refuses fields there that are legal.
  ;(raw as unknown as { _writeRaw (text: string, encoding: 'latin1'): void })._writeRaw(`${head}\r\n`, 'latin1')
}
