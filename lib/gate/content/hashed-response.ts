import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { spelled } from '../../fields/spelling.js'
import { guarded, once } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import { changeFields, linesOf, readHead } from './response-head.js'
import type { ChangeableHead } from './response-head.js'

/** What an answer says of its content, in one field. */
export interface Protection {
  /** Its name in lower case. */
  readonly name: string
  /** The hash of the content, by node's name. */
  readonly nodeHash: string
  /** The value that the head has without this; `undefined`: none, and then nothing is said. */
  current (): string | undefined
  /**
   * The value for content of this hash, in lower-case hex. Left out: for content that has not
   * been hashed.
   */
  valueFor (contentHash?: string): string
}

type Trailers = Parameters<ServerResponse['addTrailers']>[0]

const METHODS = ['writeHead', 'write', 'end', 'flushHeaders', 'addTrailers'] as const
/** They as they were, whatever arguments they take. */
interface Original {
  writeHead (...args: readonly unknown[]): ServerResponse
  write (...args: readonly unknown[]): boolean
  end (...args: readonly unknown[]): ServerResponse
  flushHeaders (): void
  addTrailers (trailers: Trailers): void
}

/**
 * How long an answer may take to come to its end before it goes out without a word on its content.
 */
const HOLD_TIME: Milliseconds = 5_000

/** Answers that come piece by piece and are wanted so. */
const ENDLESS = ['text/event-stream', 'multipart/x-mixed-replace']

/**
 * Makes an answer vouch for its content, whatever writes it: the methods of this one response are
 * replaced by some that see the octets as the client gets them.
 *
 * Where there is no content, or all of it comes in one piece, the field is in the head. Else it is
 * a trailer for clients that take some, and the content goes out as it comes; for others the answer
 * is held until its end. What is too large for that, or takes too long, goes out without a word on
 * its content.
 *
 * @param maxAnswer - The most octets to hold.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-6.5 RFC 9110, 6.5}
 */
export function holdResponse (
  request: IncomingMessage, response: ServerResponse, vouching: Protection, maxAnswer: number
): void {
  const answer = new HeldAnswer(request, response, vouching, maxAnswer)
  const prototype = Object.getPrototypeOf(response)
  Object.assign(response, {
    writeHead: (status: number, ...rest: unknown[]) => answer.writeHead(status, rest),
    write: (chunk: string | Uint8Array, ...rest: unknown[]) => answer.write(chunk, rest),
    end: (...args: unknown[]) => answer.end(args),
    flushHeaders: () => answer.flushHeaders(),
    addTrailers: (trailers: Trailers) => answer.addTrailers(trailers)
  })
  // What writes a response learns from this whether there may still be another.
  Object.defineProperty(response, 'headersSent', { configurable: true, get: () => answer.isHeld || Reflect.get(prototype, 'headersSent', response) })
}

class HeldAnswer {
  /**
   * `held`: the head is written, and nothing has gone out. `trailing`: the content goes out, and
   * its hash follows.
   */
  private state: 'before' | 'held' | 'trailing' | 'over' = 'before'
  private readonly original: Original
  private readonly hash: Hash
  private readonly takesTrailers: boolean
  private head!: ChangeableHead
  /**
   * How the answer goes out as soon as there is some of its content, unless that is all.
   * `undefined`: it does not.
   */
  private atOnce: 'trailer' | 'nothing' | undefined
  private chunks: Buffer[] = []
  private size = 0
  private trailers: Array<[string, string]> = []

  constructor (
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly vouching: Protection,
    private readonly maxAnswer: number
  ) {
    this.original = Object.fromEntries(
      METHODS.map((name) => [name, response[name].bind(response)])
    ) as unknown as Original
    this.hash = createHash(vouching.nodeHash)
    this.takesTrailers = wantsTrailers(request)
  }

  get isHeld (): boolean { return this.state === 'held' }

  writeHead (status: number, rest: unknown[]): ServerResponse {
    const { response, vouching } = this
    this.giveUp() // for the sake of another head, which node refuses
    const head = readHead(response, status, rest)
    if (this.state !== 'before' || status < 200 || !linesOf(head, vouching.name).includes(vouching.current()!)) {
      this.state = 'over'
      return this.original.writeHead(status, ...rest)
    }
    this.head = head
    const length = Number(linesOf(head, 'content-length')[0] ?? NaN)
    if (this.request.method === 'HEAD' || status === 204 || status === 304 || length === 0) {
      this.send('hash')
    } else {
      if (this.takesTrailers) this.atOnce = 'trailer'
      else if (length > this.maxAnswer || isEndless(head)) this.atOnce = 'nothing'
      this.hold()
    }
    return response
  }

  write (chunk: string | Uint8Array, rest: unknown[]): boolean {
    const { original } = this
    this.begin()
    if (this.state === 'over') return original.write(chunk, ...rest)
    const octets = toOctets(chunk, rest[0])
    this.hash.update(octets)
    if (this.state === 'trailing') return original.write(chunk, ...rest)
    this.chunks.push(octets)
    this.size += octets.length
    const done = rest.at(-1)
    if (typeof done === 'function') process.nextTick(guarded(done as () => void))
    return this.size <= this.maxAnswer || this.giveUp()
  }

  end (args: unknown[]): ServerResponse {
    const { response, original, vouching: { name } } = this
    if (this.state === 'before') response.writeHead(response.statusCode)
    const [content, encoding] = args
    if (this.state !== 'over' && content != null && typeof content !== 'function') this.hash.update(toOctets(content as string, encoding))
    if (this.state === 'trailing') {
      this.state = 'over'
      original.addTrailers([...this.trailers, [spelled(name), this.valueOfHash()]])
    } else if (this.state === 'held') this.release('hash')
    return original.end(...args)
  }

  flushHeaders (): void {
    this.begin()
    if (this.state !== 'held') this.original.flushHeaders()
  }

  addTrailers (trailers: Trailers): void {
    if (this.state === 'trailing') this.trailers.push(...(Array.isArray(trailers) ? trailers : Object.entries(trailers)) as Array<[string, string]>)
    else if (this.state !== 'held') this.original.addTrailers(trailers)
  }

  /** The response is to go out, and more of it may follow. */
  private begin (): void {
    if (this.state === 'before') this.response.writeHead(this.response.statusCode)
    if (this.state === 'held' && this.atOnce !== undefined) this.release(this.atOnce)
  }

  private hold (): void {
    const { response } = this
    this.state = 'held'
    response.statusCode = this.head.status
    if (this.atOnce !== undefined) return
    const timer = setTimeout(guarded(() => this.giveUp(), response), HOLD_TIME)
    once(response, 'close', () => clearTimeout(timer))
  }

  /**
   * Lets go of what is held, without a word on its content. False: the writer has to wait for the
   * client.
   */
  private giveUp (): boolean {
    if (this.state !== 'held') return true
    this.release('nothing')
    return this.original.write('', 'latin1')
  }

  private release (vouched: 'hash' | 'trailer' | 'nothing'): void {
    const { response, original, chunks } = this
    this.chunks = []
    try {
      this.send(vouched)
    } catch {
      response.destroy() // its writers were told that the head was out, so none of them responds in another way
    }
    for (const chunk of chunks) original.write(chunk, 'latin1')
  }

  /** Sends the head: with the hash of all content, with the announcement of one, or as it is. */
  private send (vouched: 'hash' | 'trailer' | 'nothing'): void {
    const { head, vouching: { name, current, valueFor } } = this
    this.state = vouched === 'trailer' ? 'trailing' : 'over'
    const old = current()
    const value = vouched === 'trailer' ? undefined : vouched === 'hash' ? this.valueOfHash() : valueFor()
    const announced = linesOf(head, 'trailer').join(', ')
    const fields = changeFields(head, (field, line) => {
      if (field === name && line === old) return value
      // Where all of the content is there at once, no trailers go out, even where some were set
      // (RFC 9112, 7.1.2).
      if (field === 'trailer') return vouched === 'nothing' ? line : undefined
      return field === 'content-length' && vouched === 'trailer' ? undefined : line
    }, vouched === 'trailer' ? { Trailer: announced === '' ? spelled(name) : `${announced}, ${spelled(name)}` } : {})
    this.original.writeHead(head.status, ...head.reason, fields)
  }

  private valueOfHash (): string {
    return this.vouching.valueFor(this.hash.digest('hex'))
  }
}

/**
 * Whether the client takes trailers, and its version of HTTP has them (RFC 9110, 6.5.1 and 10.1.4).
 */
function wantsTrailers ({ headers: { te = '' }, httpVersion }: IncomingMessage): boolean {
  return httpVersion === '1.1' && String(te).split(',').some((member) => member.trim().toLowerCase() === 'trailers')
}

function isEndless (head: ChangeableHead): boolean {
  const type = String(linesOf(head, 'content-type')[0]).toLowerCase()
  return ENDLESS.some((each) => type.startsWith(each))
}

function toOctets (content: string | Uint8Array, encoding: unknown): Buffer {
  if (typeof content !== 'string') return Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  return Buffer.from(content, typeof encoding === 'string' ? encoding as BufferEncoding : 'utf8')
}
