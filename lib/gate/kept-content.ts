import { createHash, randomUUID } from 'node:crypto'
import { open, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Stream } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { ClientLeft, ContentNotKept, ContentTooLarge } from '../errors.js'
import type { Milliseconds } from '../types.js'

/** How much is kept for requests whose credentials cover their content. */
export interface KeepLimits {
  /** The most octets of one request. */
  readonly maxRequest: number
  /** The most octets of all requests together. */
  readonly maxKept: number
  /** The longest silence of a client within its content. 0: no limit. */
  readonly contentTimeout: Milliseconds
}

type Chunks = AsyncIterable<Buffer>

/** Content up to this size stays in memory, and this much is read from a file at a time. */
const IN_MEMORY = 64 * 1024

/**
 * Whether there may be content behind the head of a request that nobody has read yet. HTTP/2 need not say so in the head.
 */
export function mayHaveContent ({ method, headers, httpVersionMajor, readableDidRead }: IncomingMessage): boolean {
  if (readableDidRead || method === 'CONNECT') return false
  return httpVersionMajor === 2 || headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/**
 * Reads the content of requests before anybody else gets any of it, and keeps it until the answer is out: up to 64 KiB in
 * memory, more in a temporary file that no name leads to.
 */
export class ContentKeeper {
  private octets = 0

  constructor (private readonly limits: KeepLimits) {}

  /**
   * Reads all content of a request, any transfer-coding taken off.
   *
   * @param names - The hashes to make of it, by node's names.
   * @throws {ContentTooLarge} {@link ContentNotKept} Some of it may have been read, and the rest is still to come.
   * @throws {ClientLeft} It did not come to its end, or not in time.
   */
  async keep (request: IncomingMessage, response: ServerResponse, names: readonly string[]): Promise<KeptContent> {
    const { maxRequest, maxKept, contentTimeout } = this.limits
    if (Number(request.headers['content-length']) > maxRequest) throw new ContentTooLarge(maxRequest)
    const hashes = names.map(name => createHash(name))
    const kept = new KeptContent(() => { this.octets -= kept.length })
    const timer = contentTimeout === 0 ? undefined : setTimeout(() => request.destroy(), contentTimeout)
    try {
      for await (const chunk of contentOf(request)) {
        timer?.refresh()
        if (kept.length + chunk.length > maxRequest) throw new ContentTooLarge(maxRequest)
        if (this.octets + chunk.length > maxKept) throw new ContentNotKept()
        this.octets += chunk.length
        for (const hash of hashes) hash.update(chunk)
        await kept.add(chunk)
      }
    } catch (error) {
      kept.release()
      throw error
    } finally {
      clearTimeout(timer)
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
  private chunks: Buffer[] = []
  private file: FileHandle | undefined
  private released = false

  /** @param ended - Called once, when it is not kept any longer. */
  constructor (private readonly ended: () => void) {}

  async add (chunk: Buffer): Promise<void> {
    this.length += chunk.length
    if (this.file === undefined && this.length <= IN_MEMORY) {
      this.chunks.push(chunk)
      return
    }
    try {
      this.file ??= await this.openNameless()
      await this.file.appendFile(Buffer.concat([...this.chunks, chunk]))
      this.chunks = []
    } catch (cause) {
      throw new ContentNotKept({ cause })
    }
  }

  /** All of it, from its start, as often as wanted. */
  open (): Readable {
    const content = Readable.from(this.file === undefined ? this.chunks : readAll(this.file, this.length), { objectMode: false })
    // It may fail when its reader has gone with the answer; that must not end the process.
    return content.on('error', () => {})
  }

  release (): void {
    if (this.released) return
    this.released = true
    this.chunks = []
    this.file?.close().catch(() => {})
    this.ended()
  }

  /** Unlinked while it is open: it goes when we do, whatever ends us. */
  private async openNameless (): Promise<FileHandle> {
    const path = join(tmpdir(), `fastify-proxy-auth-${randomUUID()}`)
    this.file = await open(path, 'wx+', 0o600)
    await unlink(path)
    return this.file
  }
}

async function * contentOf (request: IncomingMessage & { readonly stream?: Http2Stream }): Chunks {
  try {
    // What is not read of it must not cost the connection that the answer goes out on.
    yield * request.iterator({ destroyOnReturn: false }) as Chunks
  } catch (cause) {
    throw new ClientLeft({ cause })
  }
  // Node ends the content of a stream that was reset as if that were all of it, and its `close` may have been, too.
  if (request.stream?.closed === true || request.stream?.destroyed === true) throw new ClientLeft()
}

async function * readAll (file: FileHandle, length: number): Chunks {
  for (let at = 0; at < length;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(IN_MEMORY), 0, IN_MEMORY, at)
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** Lets go of it with the answer, or with the connection: a pipelined answer whose turn has not come learns of nothing. */
function releaseWith (kept: KeptContent, { httpVersionMajor, socket }: IncomingMessage, response: ServerResponse): void {
  const gone = response.destroyed || (httpVersionMajor === 1 && socket.destroyed)
  const release = () => {
    socket.removeListener('close', release)
    kept.release()
  }
  if (gone) return release()
  response.once('close', release)
  if (httpVersionMajor !== 1) return
  socket.setMaxListeners(0) // a client may pipeline more requests than node thinks right
  socket.once('close', release)
}
