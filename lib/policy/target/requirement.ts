import { readAddress } from '../address/address.js'
import { canonicalHost } from './canonical-host.js'
import type { PatternList } from './pattern-list.js'
import { Recent } from '../../store/recent.js'

/** What is demanded for some targets. */
export interface Requirement<Demand> {
  /** A pattern without a port means every port. */
  readonly to: PatternList
  readonly demand: Demand
}

/** How many targets are kept as decided. A page asks for one host many times. */
const TARGETS_KEPT = 1000

/**
 * Chooses by the target what is demanded of a request: the first requirement that holds it, else
 * what holds otherwise.
 *
 * It goes by the target as the client names it, in its one canonical spelling. Nothing is resolved:
 * a pattern with an address holds the address, and not the names that lead there.
 *
 * @example
 * const payments = { to: PatternList.from(['*.pay.example'], 'to'), demand: 'token' }
 * const demandOf = createRequirement([payments], 'password')
 * demandOf({ host: 'api.pay.example', port: 443 }) // 'token'
 */
export function createRequirement<Demand> (
  requirements: ReadonlyArray<Requirement<Demand>>, otherwise: Demand
): (target: { readonly host: string, readonly port: number }) => Demand {
  const known = new Recent<Requirement<Demand> | null>(TARGETS_KEPT)

  function find (host: string, port: number): Requirement<Demand> | null {
    let name: string
    try {
      name = canonicalHost(host)
    } catch {
      return null // no target at all, and refused as such when the client is known
    }
    const address = readAddress(name)
    return requirements.find(({ to }) =>
      (address === null ? to.matchName(name, port) : to.matchAddress(address, port)) !== null) ?? null
  }

  return ({ host, port }) => {
    const key = `${port} ${host}`
    let found = known.get(key)
    if (found === undefined) found = known.set(key, find(host, port))
    return found === null ? otherwise : found.demand
  }
}
