import { ClientLeft, StrategyTimeout } from '../errors.js'
import { isThenable } from '../eventual.js'
import { guarded } from '../platform/guarded.js'
import type { RefusalNote } from '../strategies/strategy.js'
import type { Milliseconds } from '../types.js'
import { broken } from './outcome.js'
import type { Broken } from './outcome.js'
import type { RequestView } from './request-view.js'

/**
 * Any strategy, as far as a runner is concerned. The actions are not in it: the runner brings them.
 * The request is `any`, because every strategy has its own idea of it.
 */
export interface PassportStrategy {
  readonly name?: string | undefined
  authenticate (request: any, options?: any): unknown
}

/** What a strategy said, word for word. */
export type Verdict = AcceptedVerdict | Failed | Broken
/** It called `success` with a user. */
export interface AcceptedVerdict { readonly kind: 'accepted', readonly user: object | string, readonly info: unknown }
/** It called `fail`, or `pass`, or `success` without a user. */
export interface Failed {
  readonly kind: 'failed'
  readonly challenge: unknown
  readonly status: number | undefined
  /** Of one of ours; foreign strategies say none. */
  readonly note: RefusalNote | null
}

/** How a strategy is run. The same for all its attempts. */
export interface RunSettings {
  /** What errors call the strategy. */
  readonly name: string
  /** How long the strategy may take. 1 or more. */
  readonly timeout: Milliseconds
  /**
   * The second argument of `authenticate`, of which each attempt gets a copy. Default: an empty
   * object.
   */
  readonly options?: object | undefined
}

/** Where to learn that the client has left. */
export interface Departure {
  /**
   * Aborted when the client leaves. Looked at only when the strategy did not answer at once, so it
   * may be a getter that makes the signal then.
   */
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs one strategy on one request. It never throws or rejects.
 *
 * The strategy runs as the prototype of an object of this attempt, be it an instance or registered:
 * two requests on one object would answer each other. The first action counts, later ones do
 * nothing. `success` lets in objects and text that is not empty; with nothing (`false`, `null`) it
 * is a `fail`, with anything else the strategy is broken, for that names no user. `pass` decides
 * nothing and so is a `fail` too; `redirect` is a mistake in the configuration, since no client of
 * a proxy follows one. To throw, to reject or to be late is to be broken.
 *
 * @returns The verdict itself when the strategy answers before it returns, else a promise of it.
 * @example
 * await run(strategy, view, { name: 'jwt', timeout: 5000 })
 * // { kind: 'accepted', user: { sub: 'alice' }, info: {} }
 */
export function run (
  strategy: PassportStrategy, view: RequestView, settings: RunSettings, departure?: Departure
): Verdict | Promise<Verdict> {
  const { name } = settings
  let verdict: Verdict | undefined
  let settled: (() => void) | undefined // set while the verdict is awaited
  const settle = (first: Verdict): void => {
    if (verdict !== undefined) return
    verdict = first
    settled?.()
  }
  const breakDown = (cause: unknown): void => settle(broken(name, cause))

  try {
    // A literal: V8 takes what `Object.create` makes of an old prototype for long-lived, and with
    // it would keep the whole request until the next full collection.
    const attempt = {
      __proto__: strategy,
      success: (user: unknown, info?: unknown) => settle(accepted(name, user, info)),
      fail: (challenge?: unknown, status?: number, note?: RefusalNote) => settle(failed(challenge, status, note)),
      error: breakDown,
      pass: () => settle(failed(undefined, undefined)),
      redirect: () => breakDown(new Error('the strategy wants to redirect'))
    } as unknown as PassportStrategy
    // A copy: some fill in defaults where they find none.
    const returned: unknown = attempt.authenticate(view, { ...settings.options })
    // Also when it has answered: a rejection after that must not go unhandled.
    if (isThenable(returned)) returned.then(undefined, breakDown)
  } catch (cause) {
    breakDown(cause)
  }
  if (verdict !== undefined) return verdict

  return new Promise((resolve) => {
    let stopWaiting = (): void => {}
    settled = () => {
      stopWaiting()
      resolve(verdict as Verdict)
    }
    // A verifier that has its answer already gives it in a microtask: that costs no timer.
    queueMicrotask(guarded(() => {
      if (verdict !== undefined) return
      const signal = departure?.signal
      const leave = guarded((): void => settle({ kind: 'broken', cause: new ClientLeft('verdict'), strategy: name }))
      if (signal?.aborted === true) return leave()
      const late = (): void => settle({ kind: 'broken', cause: new StrategyTimeout(name), strategy: name })
      const timer = setTimeout(guarded(late), settings.timeout)
      signal?.addEventListener('abort', leave)
      stopWaiting = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', leave)
      }
    }))
  })
}

function accepted (name: string, user: unknown, info: unknown): Verdict {
  if (!user) return failed(undefined, undefined)
  if (typeof user !== 'object' && typeof user !== 'string') {
    return broken(name, new Error(`success with a ${typeof user}, which is no user`))
  }
  return { kind: 'accepted', user, info: info ?? {} }
}

function failed (challenge: unknown, status: number | undefined, note: RefusalNote | null = null): Verdict {
  return typeof challenge === 'number'
    ? { kind: 'failed', challenge: undefined, status: challenge, note }
    : { kind: 'failed', challenge, status, note }
}
