import { isThenable } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { Hop } from '../../policy/parent/parent.js'
import { mayGoAnotherWay } from './other-way.js'
import type { OtherWay } from './other-way.js'

/** A request that is to go one of several ways. */
export interface Journey {
  /**
   * Sends it one way. What it throws, or rejects with, is the failure of that way.
   *
   * @param otherwise - To be called with a failure of which {@link mayGoAnotherWay} is true, where
   *   nothing has been sent. `undefined`: no other way is left, and there was none before.
   */
  take (hop: Hop, otherwise: OtherWay | undefined): Eventual<void>
  /** Does what takes the next way. What that throws, or rejects with, is the response. */
  begin (next: () => Eventual<void>): void
}

/**
 * Sends a request by one way after the other, as long as nothing of it has been sent. Where all
 * fail, the failure of the first is the response.
 *
 * @param before - What the first of the ways before these has failed with.
 */
export function takeWays (hops: readonly Hop[], journey: Journey, before?: Error): Eventual<void> {
  const [hop, ...others] = hops
  if (hop === undefined) throw before
  const otherwise = others.length === 0 && before === undefined
    ? undefined
    : (failure: Error) => journey.begin(() => takeWays(others, journey, before ?? failure))
  const taken = journey.take(hop, otherwise)
  if (otherwise === undefined || !isThenable(taken)) return taken
  return taken.then(undefined, (failure: Error) => {
    if (!mayGoAnotherWay(failure)) throw failure
    otherwise(failure)
  })
}
