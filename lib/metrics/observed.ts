import type { FastifyInstance } from 'fastify'
import { BadOption } from '../errors.js'
import type { Events } from '../events/events.js'
import type { Gates } from '../registration/gates.js'
import type { Health } from '../policy/parent/health.js'
import type { Exchanges } from '../proxy/exchange/exchanges.js'

const kObserved = Symbol('fastify-proxy-auth.observed')

/** What there is to observe of a registration. */
export interface Observed {
  readonly events: Events
  readonly exchanges: Pick<Exchanges, 'proxied'>
  readonly gates: Pick<Gates, 'schemes' | 'load'>
  /** Of all its parents, each once. */
  readonly health: readonly Health[]
}

/** Keeps what can be observed of a registration with the scope that it is in. */
export function letObserve (app: FastifyInstance, observed: Observed): void {
  app.decorate(kObserved, observed)
}

/**
 * Finds the registration that a scope is in.
 *
 * @throws {BadOption} There is none, or it is not loaded yet.
 */
export function observedOf (app: FastifyInstance): Observed {
  const observed = (app as unknown as Partial<Record<symbol, Observed>> | null | undefined)?.[kObserved]
  if (observed !== undefined) return observed
  throw new BadOption('app', 'an application with proxy authentication, behind `await app.register(proxyAuth, …)`', 'another')
}
