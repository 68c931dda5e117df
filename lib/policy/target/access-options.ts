import dns from 'node:dns'
import type { LookupFunction } from 'node:net'
import { badOption, readTime } from '../../check-option.js'
import type { Milliseconds } from '../../types.js'
import type { Check } from './check.js'
import { PatternList } from './pattern-list.js'

/**
 * Where a forward proxy may go. A pattern is a host name, `*.name`, `*`, an address or a CIDR, each
 * with an optional `:port` (`*` for any); IPv6 stands in brackets when a port follows. See
 * `parsePattern`.
 */
export interface ForwardPolicyOptions<User = unknown> {
  /**
   * The only targets. A pattern without a port means 80 and 443. A name that no pattern holds is
   * resolved when addresses are on the list, and only those of its addresses that are on it are
   * dialled. Default: every public target. An empty list allows nothing.
   */
  readonly allow?: readonly string[]
  /**
   * Never these, whatever else says so. A pattern without a port means every port. Addresses also
   * count against what a name resolves to, and against the IPv4 address in a NAT64, 6to4 or Teredo
   * address. Default: none.
   */
  readonly deny?: readonly string[]
  /**
   * What may be a special-purpose address all the same: loopback, private, link-local and so on. A
   * port named here is open for that target; without one it is 80, 443 and what `allow` names. A
   * *name* here trusts whatever it resolves to. With `allow`, the target must be there as well. Our
   * own listeners stay closed. Default: none.
   */
  readonly special?: readonly string[]
  /** A rule in code beside the lists; it can refuse, and lifts nothing. Default: none. */
  readonly check?: Check<User>
  /** How long `check` may take. 1 to 2147483647. Default 5000 (5 seconds). */
  readonly checkTimeout?: Milliseconds
  /**
   * The only resolver, called as `dns.lookup` with `all: true`, once per request. Default
   * `dns.lookup`.
   */
  readonly lookup?: LookupFunction
  /** How long the resolver may take. 1 to 2147483647. Default 5000 (5 seconds). */
  readonly dnsTimeout?: Milliseconds
  /**
   * 4 or 6: only such addresses of a name are dialled. Addresses in a target are not concerned.
   * Default 0, both.
   */
  readonly family?: 0 | 4 | 6
}

/** The options, checked, with defaults, the lists ready for look-up. */
export interface ForwardPolicy<User> {
  /** `null`: every public target. */
  readonly allow: PatternList | null
  readonly deny: PatternList
  readonly special: PatternList
  readonly check: Check<User> | null
  readonly checkTimeout: Milliseconds
  readonly lookup: LookupFunction
  readonly dnsTimeout: Milliseconds
  readonly family: 0 | 4 | 6
}

/**
 * Checks the options and compiles the lists.
 *
 * @throws {BadOption} One of them is wrong. The message names it and the type it got, never the
 *   value.
 */
export function readForwardPolicy<User> (options: ForwardPolicyOptions<User>): ForwardPolicy<User> {
  const {
    allow, deny = [], special = [], check, checkTimeout = 5000, lookup = dns.lookup, dnsTimeout = 5000, family = 0
  } = options
  if (check !== undefined && typeof check !== 'function') throw badOption('forward.check', 'a function', check)
  if (typeof lookup !== 'function') throw badOption('forward.lookup', 'a function', lookup)
  if (family !== 0 && family !== 4 && family !== 6) throw badOption('forward.family', '0, 4 or 6', family)
  return {
    allow: allow === undefined ? null : PatternList.from(allow, 'forward.allow'),
    deny: PatternList.from(deny, 'forward.deny'),
    special: PatternList.from(special, 'forward.special'),
    check: check ?? null,
    checkTimeout: readTime(checkTimeout, 'forward.checkTimeout', 1),
    lookup,
    dnsTimeout: readTime(dnsTimeout, 'forward.dnsTimeout', 1),
    family
  }
}
