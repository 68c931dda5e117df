import { channel } from 'node:diagnostics_channel'
import type { FastifyBaseLogger } from 'fastify'
import type { Milliseconds } from '../../types.js'
import type { Hop, Parent } from './parent.js'

/** What is published on the diagnostics channel `fastify-proxy-auth:parent`. */
export interface ParentEvent {
  /** The name of the parent proxy. */
  readonly parent: string
  /**
   * `'failed'`: it is left out from now on, where there is another way. `'recovered'`: it has
   * responded again.
   */
  readonly state: 'failed' | 'recovered'
  /** The code of the error, where it failed. */
  readonly error?: string
}

/** That a parent fails, for those that look at it. */
export interface ParentFailing {
  /** The code of the error that it failed with last; `undefined`: it has none. */
  readonly error: string | undefined
  /** How long it has failed. */
  readonly time: Milliseconds
}

/** A parent that failed last time. */
interface Failing {
  readonly since: Milliseconds
  readonly error: string | undefined
  /** How long it is left out after a failure. */
  wait: Milliseconds
  until: Milliseconds
  /** A request was sent to it to find out. */
  trying: boolean
}

const FIRST_WAIT: Milliseconds = 1000
const LONGEST_WAIT: Milliseconds = 60_000
/** How many are known to fail. A function may give new parents for ever. */
const MAX_FAILING = 1000

const events = channel('fastify-proxy-auth:parent')

/**
 * Which parents fail at present. One that failed is left out for a second, then tried by one
 * request, and left out for twice as long each time that fails, up to a minute.
 */
export class Health {
  private readonly failing = new Map<Parent, Failing>()
  private readonly heard: Array<(parent: string) => void> = []
  private log: Pick<FastifyBaseLogger, 'warn' | 'info'> | undefined

  /** @param now - A clock, in milliseconds. Default that of the process. */
  constructor (private readonly now: () => Milliseconds = () => performance.now()) {}

  /** Says where failures and recoveries are logged. Nowhere before. */
  logTo (log: Pick<FastifyBaseLogger, 'warn' | 'info'>): void {
    this.log = log
  }

  /** Has `listener` told, from now on, of each parent that begins to fail. It must not throw. */
  onFailed (listener: (parent: string) => void): void {
    this.heard.push(listener)
  }

  /** How many fail at present. */
  get failingNow (): number { return this.failing.size }

  failed (parent: Parent, error: Error): void {
    const now = this.now()
    const known = this.failing.get(parent)
    const { code } = error as { code?: string }
    if (known === undefined) {
      if (this.failing.size >= MAX_FAILING) this.failing.delete(this.failing.keys().next().value!)
      this.failing.set(parent, { since: now, error: code, wait: FIRST_WAIT, until: now + FIRST_WAIT, trying: false })
      this.log?.warn({ parent: parent.name, err: error }, 'a parent proxy failed: it is left out for a while, where there is another way')
      for (const listener of this.heard) listener(parent.name)
      events.publish({ parent: parent.name, state: 'failed', ...(code !== undefined && { error: code }) } satisfies ParentEvent)
    } else if (known.trying || now >= known.until) { // else it failed with the requests that were under way
      const wait = Math.min(known.wait * 2, LONGEST_WAIT)
      this.failing.set(parent, { since: known.since, error: code, wait, until: now + wait, trying: false })
    }
  }

  worked (parent: Parent): void {
    if (this.failing.size === 0 || !this.failing.delete(parent)) return
    this.log?.info({ parent: parent.name }, 'a parent proxy works again')
    events.publish({ parent: parent.name, state: 'recovered' } satisfies ParentEvent)
  }

  /** How a parent fails at present; `undefined`: it does not, or is not known to. */
  failureOf (parent: Parent): ParentFailing | undefined {
    const known = this.failing.get(parent)
    return known && { error: known.error, time: this.now() - known.since }
  }

  /**
   * Puts those that are left out at present behind the others. One whose time is up keeps its
   * place: if that is the first, the next requests leave it out until this one tells.
   *
   * @returns The same list where there is nothing to change.
   */
  order (hops: readonly Hop[]): readonly Hop[] {
    if (this.failing.size === 0) return hops
    const now = this.now()
    const isLeftOut = (hop: Hop): boolean => now < (this.failing.get(hop as Parent)?.until ?? 0)
    const [others, leftOut]: [Hop[], Hop[]] = [[], []]
    for (const hop of hops) (isLeftOut(hop) ? leftOut : others).push(hop)
    const first = this.failing.get(others[0] as Parent)
    if (first !== undefined) {
      // Where the request never tells, as it was aborted, another one finds out after that time.
      first.until = now + first.wait
      first.trying = true
    }
    return leftOut.length === 0 ? hops : [...others, ...leftOut]
  }
}
