import type { Dispatcher } from 'undici'
import { guardMethod } from '../../platform/guarded.js'
import type { Args, Controller } from '../upstream/attempt.js'
import { upstreamError } from '../upstream/upstream-error.js'
import { mayGoAnotherWay } from './other-way.js'
import type { OtherWay } from './other-way.js'

/** What takes the other way, where there is one. */
export function unlessReached (
  handler: Dispatcher.DispatchHandler, otherwise: OtherWay | undefined
): Dispatcher.DispatchHandler {
  return otherwise === undefined ? handler : new UnlessReached(handler, otherwise)
}

/**
 * Passes on what undici tells of a request, unless no connection came of it: then another way is
 * taken.
 */
export class UnlessReached implements Dispatcher.DispatchHandler {
  // What the others throw comes to it: undici sees to that.
  static { guardMethod(this.prototype, 'onResponseError', ({ handler }) => ({ destroy: (failure) => handler.onResponseError?.(undefined as never, failure) })) }

  private isReached = false

  constructor (private readonly handler: Dispatcher.DispatchHandler, private readonly otherwise: OtherWay) {}

  onRequestStart (...args: Args<'onRequestStart'>): void {
    this.isReached = true
    this.handler.onRequestStart?.(...args)
  }

  onResponseStart (...args: Args<'onResponseStart'>): void { this.handler.onResponseStart?.(...args) }

  onRequestUpgrade (...args: Args<'onRequestUpgrade'>): void { this.handler.onRequestUpgrade?.(...args) }

  onResponseData (...args: Args<'onResponseData'>): void { this.handler.onResponseData?.(...args) }

  onResponseEnd (...args: Args<'onResponseEnd'>): void { this.handler.onResponseEnd?.(...args) }

  onResponseError (controller: Controller, error: Error): void {
    const failure = upstreamError(error)
    if (!this.isReached && mayGoAnotherWay(failure)) this.otherwise(failure)
    else this.handler.onResponseError?.(controller, error)
  }
}
