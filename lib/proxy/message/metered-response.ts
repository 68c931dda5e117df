import { guarded } from '../../platform/guarded.js'
import type { Meter } from '../../policy/limits/meter.js'
import { MeteredFlow } from '../exchange/metered-flow.js'
import type { ContentSource, ResponseSink } from './response-writer.js'

/**
 * Takes a response for another sink, whose content it gives to that as a meter lets it. While some
 * is held the upstream is not read, and the end waits.
 */
export class MeteredResponse implements ResponseSink, ContentSource {
  private source!: ContentSource
  private readonly flow: MeteredFlow
  /** Whether the sink wants no more for now. */
  private isFull = false

  /**
   * @param sink - Takes what may go.
   * @param failed - Called with what that throws when its turn has come later.
   */
  constructor (private readonly sink: ResponseSink, meter: Meter, private readonly failed: (failure: Error) => void) {
    const write = (octets: Buffer) => this.sink.data(octets, this)
    // It may be the turn of another response, while undici parses that of this one.
    const resume = () => process.nextTick(guarded(() => { if (!this.isFull) this.resume() }, { destroy: failed }))
    this.flow = new MeteredFlow(meter, 'down', { write, resume }, { destroy: failed })
  }

  get bytesOut (): number { return this.sink.bytesOut }

  head (status: number, reason: string | undefined, fields: string[], source: ContentSource): boolean {
    this.source = source
    return this.sink.head(status, reason, fields, this)
  }

  data (chunk: Buffer): void {
    if (!this.flow.pass(chunk)) this.source.pause()
  }

  end (trailers: string[]): void {
    if (!this.flow.isHeld) return this.sink.end(trailers)
    this.flow.afterAll(() => {
      try {
        this.sink.end(trailers)
      } catch (failure) {
        this.failed(failure as Error)
      }
    })
  }

  fail (failure: Error & { code: string }): void {
    this.sink.fail(failure)
  }

  pause (): void {
    this.isFull = true
    this.source.pause()
  }

  resume (): void {
    this.isFull = false
    if (!this.flow.isHeld) this.source.resume()
  }

  abort (reason: Error): void {
    this.source.abort(reason)
  }
}
