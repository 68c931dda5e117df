import type { Shares } from '../../../store/shares.js'
import type { Tally } from '../../message/forwarded-request.js'

/** The most octets that are kept of one request. */
export const MAX_KEPT = 1_048_576

/**
 * The content of a request, kept while it is sent, so that it can be sent again from its start
 * where the parent wants other credentials. What is larger than that, or has no room, can be sent
 * once.
 *
 * @example
 * const content = new RepeatableContent(source, new Shares(1000, 100), 'alice')
 * for await (const chunk of content.from(tally)) await send(chunk)
 */
export class RepeatableContent {
  /** Whether all that was sent so far can be sent again. */
  isKept = true
  /** Whether any of it was asked for. */
  hasBegun = false
  /** What was read: all of it, or what is still to be sent where nothing is kept. */
  private readonly chunks: Buffer[] = []
  private kept = 0
  private passes = 0
  private reading: Promise<boolean> | undefined

  /**
   * @param room - For what is kept of all requests.
   * @param owner - Who takes it.
   */
  constructor (
    private readonly source: AsyncGenerator<Buffer>,
    private readonly room: Shares,
    private readonly owner: string
  ) {}

  /**
   * All of it, from the start. A pass that was begun before has nothing more to give.
   *
   * @param sent - Gets the time of the end of this pass.
   */
  async * from (sent: Pick<Tally, 'endedAt'>): AsyncGenerator<Buffer> {
    const pass = ++this.passes
    let at = 0
    this.hasBegun = true
    while (true) {
      if (at === this.chunks.length && !(await this.more())) break
      if (pass !== this.passes) return
      if (this.isKept) {
        yield this.chunks[at++]!
      } else {
        this.chunks.splice(0, at)
        at = 0
        yield this.chunks.shift()!
      }
    }
    sent.endedAt = performance.now()
  }

  /** It will not be sent again. */
  release (): void {
    this.isKept = false
    this.room.giveBack(this.kept, this.owner)
    this.kept = 0
  }

  /** No more of it is wanted. */
  end (): void {
    this.release()
    this.passes++
    this.source.return(undefined).catch(() => {}) // it has failed, which its reader was told
  }

  /** Reads on, for whichever pass wants it. Where that has failed, each pass fails. */
  private more (): Promise<boolean> {
    this.reading ??= this.read()
    return this.reading
  }

  private async read (): Promise<boolean> {
    const { done, value } = await this.source.next()
    this.reading = undefined
    if (done === true) return false
    this.chunks.push(value)
    if (this.isKept) this.keep(value.length)
    return true
  }

  private keep (length: number): void {
    if (this.kept + length <= MAX_KEPT && this.room.take(length, this.owner)) this.kept += length
    else this.release()
  }
}
