/** Finds where a response ends, and how it went. */
export class ResponseReader {
  status = 0
  /** Nothing follows on this connection. */
  closes = false
  private head = ''
  private left = 0
  private isChunked = false

  /** @returns Whether this was the end of it. */
  read (chunk: Buffer): boolean {
    if (this.status > 0) return this.readContent(chunk)
    const before = this.head.length
    this.head += chunk.toString('latin1')
    const end = this.head.indexOf('\r\n\r\n')
    if (end < 0) return false
    const head = this.head.slice(0, end + 2)
    this.head = ''
    this.status = Number(head.slice(9, 12))
    this.isChunked = /\r\ntransfer-encoding: *chunked/i.test(head)
    this.closes = /\r\n(?:proxy-)?connection: *close/i.test(head) || (head.startsWith('HTTP/1.0') && !/\r\n(?:proxy-)?connection: *keep-alive/i.test(head))
    this.left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? (this.closes ? Infinity : 0))
    return this.readContent(chunk.subarray(end + 4 - before))
  }

  /** Before the next one. */
  reset (): void {
    this.status = 0
  }

  private readContent (chunk: Buffer): boolean {
    if (this.isChunked) return chunk.subarray(-5).toString('latin1') === '0\r\n\r\n'
    this.left -= chunk.length
    return this.left <= 0
  }
}
