import type { Socket } from 'node:net'
import { UpstreamHeadTooLarge, UpstreamProtocol, UpstreamTerminated } from '../../../errors.js'
import { on } from '../../../platform/guarded.js'
import type { Effort } from './effort.js'

/** How many octets may still be read. */
export interface Budget { left: number }

const LF = 0x0a
const EMPTY = Buffer.alloc(0)

/** What comes on a connection, asked for piece by piece. What is not asked for stays in it. */
export class Octets {
  private rest: Buffer = EMPTY
  private failure: Error | undefined
  private isOver = false
  private wake: (() => void) | undefined
  private readonly stir = () => this.wake?.()
  private readonly end = () => { this.isOver = true; this.wake?.() }
  private readonly fail = (error: Error) => { this.failure ??= error; this.end() }

  /** @param effort - What waits for octets fails with it. */
  constructor (readonly socket: Socket, private readonly effort: Effort) {
    on(socket, 'readable', this.stir)
    on(socket, 'end', this.end)
    on(socket, 'close', this.end)
    on(socket, 'error', this.fail)
  }

  /** Whether something has come that was not asked for. */
  get waiting (): boolean { return this.rest.length > 0 || this.socket.readableLength > 0 }

  /** Why nothing more comes. */
  get loss (): Error { return this.failure ?? new UpstreamTerminated() }

  /** Waits for octets. False: nothing more comes. */
  async some (): Promise<boolean> {
    while (this.rest.length === 0) {
      const chunk = this.socket.read() as Buffer | null
      if (chunk !== null) this.rest = chunk
      else if (this.isOver) break
      else await new Promise<void>((resolve) => { this.wake = resolve })
      if (this.effort.reason !== undefined) throw this.effort.reason
    }
    return this.rest.length > 0
  }

  /**
   * Reads a line. It ends with CRLF: what ends with LF alone is refused, and so is at once what
   * does not begin as it must, since it may have no end.
   *
   * @param beginning - How it has to begin.
   * @returns One char per octet, without the CRLF.
   * @throws {UpstreamHeadTooLarge} The budget is used up.
   * @throws {UpstreamProtocol} It is no such line.
   */
  async line (budget: Budget, beginning = ''): Promise<string> {
    let text = ''
    let begins = beginning === ''
    for (;;) {
      if (this.rest.length === 0 && !await this.some()) throw this.loss
      const end = this.rest.indexOf(LF) + 1
      const part = end === 0 ? this.rest : this.rest.subarray(0, end)
      this.rest = this.rest.subarray(part.length)
      budget.left -= part.length
      if (budget.left < 0) throw new UpstreamHeadTooLarge()
      text += part.toString('latin1') // a rope: a line that comes octet by octet is not copied each time
      if (!begins) {
        if (!beginning.startsWith(text.slice(0, beginning.length))) throw new UpstreamProtocol()
        begins = text.length >= beginning.length
      }
      if (end > 0) break
    }
    if (!text.endsWith('\r\n')) throw new UpstreamProtocol()
    return text.slice(0, -2)
  }

  /** Reads one octet. */
  async octet (): Promise<Buffer> {
    if (!await this.some()) throw this.loss
    const octet = this.rest.subarray(0, 1)
    this.rest = this.rest.subarray(1)
    return octet
  }

  /** Leaves out so many. */
  async skip (length: number): Promise<void> {
    while (length > 0) {
      if (!await this.some()) throw this.loss
      const part = this.rest.subarray(length)
      length -= this.rest.length - part.length
      this.rest = part
    }
  }

  /** Gives the connection back, with what was not asked for in it. */
  release (): Socket {
    const { socket, rest } = this
    socket.removeListener('readable', this.stir)
    socket.removeListener('end', this.end)
    socket.removeListener('close', this.end)
    socket.removeListener('error', this.fail)
    if (rest.length > 0) socket.unshift(rest)
    return socket
  }
}
