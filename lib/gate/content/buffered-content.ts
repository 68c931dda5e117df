import { createHash, randomUUID } from 'node:crypto'
import { open, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Stream } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { ClientLeft, ContentNotKept, ContentTooLarge } from '../../errors.js'
import { announcesContent } from '../../platform/message-state.js'
import { guarded, on, once } from '../../platform/guarded.js'
import { Shares } from '../../store/shares.js'
import type { Milliseconds } from '../../types.js'

/** How much is kept for requests whose credentials cover their content. */
export interface KeepLimits {
  /** The most octets of one request. */
  readonly maxRequest: number
  /** The most octets of all requests together. */
  readonly maxKept: number
  /** The most octets of all requests from one address. */
  readonly maxPerAddress: number
  /** The longest silence of a client within its content. 0: no limit. */
  readonly contentTimeout: Milliseconds
  /** The longest time that content may take to come, in all. 0: no limit. */
  readonly contentDuration: Milliseconds
}

type Chunks = AsyncIterable<Buffer>

/** Content up to this size stays in memory, and this much is read from a file at a time. */
const IN_MEMORY = 64 * 1024

/**
 * Whether there may be content behind the head of a request that is not read yet. HTTP/2 need
 * not say so in the head.
 */
export function mayHaveContent (request: IncomingMessage): boolean {
  if (request.readableDidRead || request.method === 'CONNECT') return false
  return request.httpVersionMajor === 2 || announcesContent(request)
}

/**
 * Reads the content of requests before any other reader gets some of it, and keeps it until the
 * answer is out: up to 64 KiB in memory, more in a temporary file that no name leads to.
 */
export class ContentKeeper {
  private readonly room: Shares

  constructor (private readonly limits: KeepLimits) {
    this.room = new Shares(limits.maxKept, limits.maxPerAddress)
  }

  /** How many octets are kept. */
  get kept (): number { return this.room.taken }

  /**
   * Reads all content of a request, any transfer-coding taken off.
   *
   * @param names - The hashes to make of it, by node's names.
   * @param address - Whose share of the room it takes. Empty: there is none to tell, and no share.
   * @throws {ContentTooLarge} {@link ContentNotKept} Some of it may have been read, and the rest is
   *   still to come.
   * @throws {ClientLeft} It did not come to its end, or not in time.
   */
  async keep (request: IncomingMessage, response: ServerResponse, names: readonly string[], address = ''): Promise<KeptContent> {
    const { maxRequest, contentTimeout, contentDuration } = this.limits
    if (Number(request.headers['content-length']) > maxRequest) throw new ContentTooLarge(maxRequest)
    const hashes = names.map((name) => createHash(name))
    const kept = new KeptContent(() => this.room.giveBack(kept.length, address))
    const cut = guarded(() => { request.destroy() })
    const silence = contentTimeout === 0 ? undefined : setTimeout(cut, contentTimeout)
    const duration = contentDuration === 0 ? undefined : setTimeout(cut, contentDuration)
    try {
      for await (const chunk of contentOf(request)) {
        silence?.refresh()
        if (kept.length + chunk.length > maxRequest) throw new ContentTooLarge(maxRequest)
        if (!this.room.take(chunk.length, address)) throw new ContentNotKept()
        for (const hash of hashes) hash.update(chunk)
        await kept.add(chunk)
      }
    } catch (error) {
      kept.release()
      throw error
    } finally {
      clearTimeout(silence)
      clearTimeout(duration)
    }
    names.forEach((name, i) => { kept.hashes[name] = hashes[i]!.digest('hex') })
    releaseWith(kept, request, response)
    return kept
  }
}

/** Content that has come to its end. */
export class KeptContent {
  length = 0
  /** In lower-case hex, by node's name of the hash. */
  readonly hashes: Record<string, string> = {}
  /**
   * What is in memory, in one piece: content that comes octet by octet would else take many times
   * its size.
   */
  private memory: Buffer = Buffer.alloc(0)
  private file: FileHandle | undefined
  private released = false

  /** @param ended - Called once, when it is not kept any longer. */
  constructor (private readonly ended: () => void) {}

  async add (chunk: Buffer): Promise<void> {
    const before = this.length
    this.length += chunk.length
    if (this.file === undefined && this.length <= IN_MEMORY) {
      this.remember(chunk, before)
      return
    }
    try {
      if (this.file === undefined) {
        await this.openNameless()
        chunk = Buffer.concat([this.memory.subarray(0, before), chunk])
        this.memory = Buffer.alloc(0)
      }
      await this.file!.appendFile(chunk)
    } catch (cause) {
      throw new ContentNotKept({ cause })
    }
  }

  /** All of it, from its start, as often as wanted. */
  open (): Readable {
    const octets = this.file === undefined ? this.inMemory() : readAll(this.file, this.length)
    const content = Readable.from(octets, { objectMode: false })
    // It may fail when its reader has gone with the answer; that must not end the process.
    return on(content, 'error', () => {})
  }

  release (): void {
    if (this.released) return
    this.released = true
    this.memory = Buffer.alloc(0)
    this.file?.close().catch(() => {})
    this.ended()
  }

  private remember (chunk: Buffer, at: number): void {
    if (at === 0) {
      this.memory = chunk // most content is of one piece
      return
    }
    if (this.memory.length < this.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(IN_MEMORY, 2 * this.length))
      this.memory.copy(larger, 0, 0, at)
      this.memory = larger
    }
    chunk.copy(this.memory, at)
  }

  private inMemory (): Buffer[] {
    return this.released ? [] : [this.memory.subarray(0, this.length)]
  }

  /** Unlinked while it is open: it goes when we do, whatever ends us. */
  private async openNameless (): Promise<void> {
    const path = join(tmpdir(), `fastify-proxy-auth-${randomUUID()}`)
    this.file = await open(path, 'wx+', 0o600)
    await unlink(path)
  }
}

async function * contentOf (request: IncomingMessage & { readonly stream?: Http2Stream }): Chunks {
  try {
    // What is not read of it must not cost the connection that the answer goes out on.
    yield * request.iterator({ destroyOnReturn: false }) as Chunks
  } catch (cause) {
    throw new ClientLeft('verdict', { cause })
  }
  // Node ends the content of a stream that was reset as if that were all of it, and its `close` may
  // have been, too.
  if (request.stream?.closed === true || request.stream?.destroyed === true) throw new ClientLeft('verdict')
}

async function * readAll (file: FileHandle, length: number): Chunks {
  for (let at = 0; at < length;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(IN_MEMORY), 0, IN_MEMORY, at)
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/**
 * Lets go of it with the answer, or with the connection: a pipelined answer whose turn has not come
 * learns of nothing.
 */
function releaseWith (
  kept: KeptContent, { httpVersionMajor, socket }: IncomingMessage, response: ServerResponse
): void {
  const gone = response.destroyed || (httpVersionMajor === 1 && socket.destroyed)
  const release = () => {
    socket.removeListener('close', release)
    kept.release()
  }
  if (gone) return release()
  once(response, 'close', release)
  if (httpVersionMajor !== 1) return
  socket.setMaxListeners(0) // a client may pipeline more requests than node thinks right
  once(socket, 'close', release)
}
