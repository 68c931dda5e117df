import type { IncomingMessage } from 'node:http'
import { after } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import { guarded, on } from '../../platform/guarded.js'
import { isInjected, streamOf } from '../../platform/message-state.js'
import type { LimitFailure, Limiting, Meter } from '../../policy/limits/meter.js'
import { Identity } from '../../policy/identity.js'
import { Revocations } from '../../policy/revocations.js'
import type { Milliseconds, ProxyIdentity } from '../../types.js'
import type { EndedFor, Exchange, Proxied } from './exchange.js'
import { Usage } from './usage.js'

/** How long those that are ended may take to be over. */
const LAST_WORDS: Milliseconds = 1_000

/**
 * The forwarded requests and tunnels under way on one server. `app.close()` on its own would wait
 * for a tunnel for ever.
 */
export class Exchanges {
  // A list, whose gaps the last one fills. The tables that a Set drops as it rehashes keep what was
  // in them until the next full collection, and with each exchange its whole request: a quarter of
  // the cost of a forwarded request.
  private readonly live: Exchange[] = []
  private emptied: (() => void) | null = null
  private state: 'open' | 'draining' | 'over' = 'open'

  /**
   * @param revocations - Says whose exchanges are to end.
   * @param usage - Told of what its users have done.
   * @param limiter - Has to let in each of those that are proxied. Default: there are no limits.
   */
  constructor (
    private readonly revocations = new Revocations(), readonly usage = new Usage(), private readonly limiter?: Limiting
  ) {
    revocations.hold({ end: (name) => this.endThose(({ holder }) => holder === name, 'revoked') })
  }

  /** How many are under way. */
  get size (): number { return this.live.length }

  /** The server stops: what can end should. */
  get closing (): boolean { return this.state !== 'open' }

  /**
   * One that comes when the wait is over, or whose user has been revoked since the verdict,
   * is ended at once, but not before the caller is done.
   *
   * @param identity - Whose it is.
   */
  add (exchange: Exchange, identity: ProxyIdentity | null = null): void {
    exchange.place = this.live.push(exchange) - 1
    exchange.holder = identity?.name
    const why = this.endsAtOnce(identity)
    if (why !== undefined) endSoon(exchange, why)
  }

  /**
   * Why one would be ended as soon as it has come: for what is better not begun at all then.
   *
   * @param identity - Whose it is.
   */
  endsAtOnce (identity: ProxyIdentity | null): EndedFor | undefined {
    if (this.state === 'over') return 'closing'
    if (identity === null) return undefined
    const { revocations } = this
    const mark = Identity.markOf(identity)
    return revocations.mark > mark && revocations.hasEnded(identity.name, mark) ? 'revoked' : undefined
  }

  /**
   * Has the limits let one in, which is permitted and not dialled yet. Once it is deleted it holds
   * nothing of them.
   *
   * @returns What its octets are metered by; `undefined`: they are not.
   * @throws {LimitReached} {@link LimitStoreFailed}
   */
  admit (exchange: Proxied): Eventual<Meter | undefined> {
    const { limiter } = this
    if (limiter === undefined) return undefined
    const { id, identity, permit, isTunnel } = exchange.record
    const who = {
      user: identity?.name ?? '',
      groups: permit?.groups ?? [],
      rule: permit?.decision?.rule ?? null,
      kind: isTunnel ? 'tunnel' : 'request'
    } as const
    const end = (failure: LimitFailure) => { if (exchange.place !== undefined) exchange.end(failure) }
    return after(limiter.admit(who, id, end), (admission) => {
      if (exchange.place === undefined) admission.release() // it has ended meanwhile
      exchange.admission = admission
      return admission.meter
    })
  }

  delete (exchange: Exchange): void {
    const { place } = exchange
    if (place === undefined) return
    exchange.place = undefined
    exchange.admission?.release()
    const last = this.live.pop()!
    if (last !== exchange) {
      this.live[place] = last
      last.place = place
    }
    if (this.live.length === 0) this.emptied?.()
  }

  /** Those that are proxied, without those that are over but for content that still comes. */
  get proxied (): Proxied[] {
    return this.live.filter(isUnderWay)
  }

  /**
   * Ends those of a request.
   *
   * @param id - As in the log.
   * @returns How many there were: an application may give the same id to several requests.
   */
  endById (id: string): number {
    return this.endThose(({ record }) => record?.id === id, 'ended')
  }

  /** Ends those that the rules of now do not allow. */
  recheck (): void {
    this.endThose(({ record }) => record?.permit?.isStillAllowed(record.address) === false, 'forbidden')
  }

  /**
   * Waits until none is left, for `time` at most, then ends what is left, and what comes later.
   * What is ended has its line in the log then.
   */
  async drain (time: Milliseconds): Promise<void> {
    this.state = 'draining'
    this.endThose(({ idle }) => idle === true, 'closing')
    if (this.live.length > 0) await this.emptiedWithin(time)
    this.state = 'over'
    this.endThose(() => true, 'closing')
    if (this.live.length > 0) await this.emptiedWithin(LAST_WORDS)
  }

  /** What fails of one keeps none of the others. */
  private endThose (are: (exchange: Exchange) => boolean, why: EndedFor): number {
    const those = this.live.filter(are)
    for (const exchange of those) guarded(() => exchange.end(why))()
    return those.length
  }

  private emptiedWithin (time: Milliseconds): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(guarded(resolve), time)
      this.emptied = () => { clearTimeout(timer); resolve() }
    })
  }
}

function isUnderWay (exchange: Exchange): exchange is Proxied {
  return exchange.record !== undefined && !exchange.record.hasClosed
}

function endSoon (exchange: Exchange, why: EndedFor): void {
  queueMicrotask(guarded(() => { if (exchange.place !== undefined) exchange.end(why) }))
}

/**
 * Takes an exchange whose answer is through off the list, once its request is too: until then the
 * connection is in use, and a stopping server waits.
 *
 * Node lets go of a request of HTTP/1.1 when its answer is out, and does not tell it when the
 * connection closes: what reads it would wait for more.
 *
 * @quirk node-request-close
 */
export function deleteWhenRequestEnds (exchanges: Exchanges, exchange: Exchange, request: IncomingMessage): void {
  const socket = streamOf(request) === undefined ? request.socket : undefined
  const through = () => {
    request.removeListener('close', through)
    socket?.removeListener('close', left)
    exchanges.delete(exchange)
  }
  const left = () => {
    request.destroy()
    through()
  }
  if (request.complete || request.destroyed || isInjected(request)) return through()
  if (socket?.destroyed === true) return left()
  on(request, 'close', through)
  if (socket !== undefined) on(socket, 'close', left)
}
