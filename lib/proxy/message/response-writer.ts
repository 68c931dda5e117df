import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { hasField, withoutField } from '../../fields/raw-list.js'
import { guarded, on, once } from '../../platform/guarded.js'
import { endInOneWrite } from '../../platform/write-response.js'
import { streamOf, isGone } from '../../platform/message-state.js'
import type { Milliseconds } from '../../types.js'
import { addTrailers, writeRelayedHead } from './response-head.js'

/** Where the content of a response comes from. */
export interface ContentSource {
  pause (): void
  resume (): void
  /** Ends it: nothing more of it is wanted. */
  abort (reason: Error): void
}

/**
 * Takes the response of an upstream, as it comes. What its methods throw is the failure of the
 * response.
 */
export interface ResponseSink {
  /** Octets of content so far. */
  readonly bytesOut: number
  /**
   * Takes the head.
   *
   * @param reason - The reason phrase as undici decoded it.
   * @param fields - A flat raw list; this hop's are removed, ours added.
   * @returns Whether it has the whole response with that: more of it is not wanted.
   */
  head (status: number, reason: string | undefined, fields: string[], source: ContentSource): boolean
  data (chunk: Buffer, source: ContentSource): void
  /** @param trailers - A flat raw list, this hop's removed. */
  end (trailers: string[]): void
  /** The rest will not come. */
  fail (failure: Error & { code: string }): void
}

/** The most octets of content that are held, for one turn of the event loop at most. */
const MAX_HELD = 8 * 1024

/**
 * Writes the response of an upstream to the client past Fastify's reply, so that it is the
 * upstream's and ours, and no other's: head, content with back-pressure, trailers.
 */
export class ResponseWriter implements ResponseSink {
  bytesOut = 0
  /**
   * The first octets of content, for as long as they may be all: with the head they are one write.
   */
  private held: { readonly chunk: Buffer, readonly source: ContentSource } | null = null
  private holds = false
  /** The client has no room. What has been read of the upstream comes all the same. */
  private isFull = false
  private readonly raw: ServerResponse
  private readonly isHttp2: boolean

  /**
   * @param bodyTimeout - How long the client may take nothing of it. 0: as long as it likes.
   * @param cut - Ends it, for the reason given.
   */
  constructor (
    private readonly reply: FastifyReply,
    private readonly bodyTimeout: Milliseconds,
    private readonly cut: (reason: string) => void
  ) {
    this.raw = reply.raw
    this.isHttp2 = streamOf(reply.raw) !== undefined
  }

  /**
   * Writes the head, and ends a response that has no content.
   *
   * @quirk node-http2-no-content
   * @quirk undici-204-length
   */
  head (status: number, reason: string | undefined, fields: string[]): boolean {
    // Node's HTTP/2 sends no content with a 205, and there should be none (RFC 9110, 15.3.6).
    const isReset = status === 205 && this.isHttp2
    writeRelayedHead(this.reply, status, reason, this.framed(fields, status))
    // undici takes their Content-Length for that of content which did not come.
    if (status === 204 || status === 304 || isReset) {
      this.raw.end()
      this.watchLast()
    } else {
      // Digest's auth-int and the application replace methods of a response: they see content as it
      // comes.
      this.holds = !this.isHttp2 && !Object.hasOwn(this.raw, 'write')
      process.nextTick(guarded(() => this.flush(), this.raw))
    }
    return isReset
  }

  data (chunk: Buffer, source: ContentSource): void {
    this.bytesOut += chunk.length
    if (this.holds && this.held === null && chunk.length <= MAX_HELD) {
      this.held = { chunk, source }
      return
    }
    this.release()
    this.write(chunk, source)
  }

  end (trailers: string[]): void {
    if (this.raw.writableEnded) return
    if (trailers.length === 0 && this.held !== null && !Object.hasOwn(this.raw, 'end')) {
      // Of text node makes one piece with the head.
      endInOneWrite(this.raw, this.held.chunk.toString('latin1'), 'latin1')
      this.watchLast()
      return
    }
    this.release()
    if (trailers.length > 0 && (this.isHttp2 || this.raw.chunkedEncoding)) addTrailers(this.raw, trailers)
    this.raw.end()
    this.watchLast()
  }

  /**
   * Half a response cannot be taken back: cutting the connection is the only honest signal left.
   */
  fail ({ code }: Error & { code: string }): void {
    if (this.raw.writableEnded || isGone(this.raw)) return
    this.release()
    this.cut(code)
  }

  private write (chunk: Buffer, source: ContentSource): void {
    if (!this.raw.write(chunk)) this.waitForClient(source)
  }

  /** Writes what is held, of which nothing is held from here on. */
  private release (): void {
    const { held } = this
    this.holds = false
    this.held = null
    if (held !== null) this.write(held.chunk, held.source)
  }

  /**
   * Node may tell of room while another response is written on the same connection, which is while
   * undici parses that one: undici does not stand to be told to go on there.
   *
   * @quirk undici-resume-within-parser
   */
  private waitForClient (source: ContentSource): void {
    source.pause()
    if (this.isFull) return
    this.isFull = true
    const timer = this.bodyTimeout === 0 ? undefined : setTimeout(guarded(() => this.cut('idle'), this.raw), this.bodyTimeout)
    const go = () => {
      this.isFull = false
      clearTimeout(timer)
      this.raw.removeListener('drain', go)
      this.raw.removeListener('close', go)
      process.nextTick(guarded(() => source.resume(), this.raw))
    }
    on(this.raw, 'drain', go)
    on(this.raw, 'close', go)
  }

  /**
   * Limits how long the last octets, which node has taken, may wait for the client, or for a
   * connection of which node does not know that it is no more.
   *
   * @quirk node-no-read-limit
   * @quirk node-reset-reads-as-end
   */
  private watchLast (): void {
    const { raw, bodyTimeout } = this
    if (bodyTimeout === 0) return
    const { socket } = raw
    if (!this.isHttp2 && socket === null) { // its turn is to come
      once(raw, 'socket', () => process.nextTick(guarded(() => this.watchLast(), raw)))
      return
    }
    const unsent = () => streamOf(raw)?.bufferSize ?? socket!.writableLength
    let before = unsent()
    if (before === 0 && !this.isHttp2) return
    const look = guarded(() => {
      const now = unsent()
      if (now === 0 || isGone(raw)) return
      if (now === before) return this.cut('idle')
      before = now
      timer = setTimeout(look, bodyTimeout)
    }, raw)
    let timer = setTimeout(look, bodyTimeout)
    once(raw, 'close', () => clearTimeout(timer))
  }

  /**
   * Node keeps a head for the first octets of the body, which may be far off (an event stream).
   *
   * @quirk node-flush-headers-utf8
   */
  private flush (): void {
    if (this.raw.writableEnded || isGone(this.raw)) return
    this.release()
    if (this.bytesOut === 0) this.raw.write('', 'latin1') // `flushHeaders` would write UTF-8
  }

  /**
   * `Trailer` announces what only a chunked body can carry, node refuses it elsewhere; a 204 has no
   * length.
   *
   * @quirk node-trailer-refused
   */
  private framed (fields: string[], status: number): string[] {
    const framed = status === 204 ? withoutField(fields, 'content-length') : fields
    const hasContent = status !== 204 && status !== 304 && this.reply.request.method !== 'HEAD'
    const takesTrailers = this.isHttp2 || (this.raw.useChunkedEncodingByDefault && !hasField(framed, 'content-length'))
    return hasContent && takesTrailers ? framed : withoutField(framed, 'trailer')
  }
}
