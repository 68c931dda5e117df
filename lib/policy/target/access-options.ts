import dns from 'node:dns'
import type { LookupFunction } from 'node:net'
import { badOption, readTime } from '../../check-option.js'
import type { Milliseconds } from '../../types.js'
import type { Check } from './check.js'
import { PatternList } from './pattern-list.js'

/**
 * Where a forward proxy may go. A pattern is a host name, `*.name`, `*`, an address or a CIDR, each
 * with an optional `:port` (`:*` for any). An IPv6 address stands in brackets when a port follows.
 */
export interface ForwardPolicyOptions<User = unknown> {
  /**
   * The only targets. A pattern without a port holds ports 80 and 443. Where addresses are on the
   * list, a name that no pattern holds is resolved, and only those of its addresses that are on the
   * list are dialled. An empty list allows nothing.
   *
   * @defaultValue every public target
   */
  readonly allow?: readonly string[]
  /**
   * Targets that are always refused, whatever another option says. A pattern without a port holds
   * every port. Addresses are also compared with what a name resolves to, and with the IPv4 address
   * within an address of NAT64, 6to4 or Teredo.
   *
   * @defaultValue none
   */
  readonly deny?: readonly string[]
  /**
   * Targets that may be special-purpose addresses: loopback, private, link-local and so on. A port
   * in the pattern is open for that target; without one, 80, 443 and the ports that `allow` names
   * for it are. A *name* here trusts every address that it resolves to. Nothing else is lifted:
   * with `allow`, the target must be there as well, and the listeners of this server stay closed.
   *
   * @defaultValue none
   */
  readonly special?: readonly string[]
  /**
   * A rule in code beside the lists: `(target, user) => boolean | string`. It can refuse, and lifts
   * nothing.
   *
   * @defaultValue none
   */
  readonly check?: Check<User>
  /**
   * How long `check` may take. From 1 to 2147483647.
   *
   * @defaultValue `5000` (5 seconds)
   */
  readonly checkTimeout?: Milliseconds
  /**
   * The only resolver, called like `dns.lookup` with `all: true`, once for each request. Give one
   * with a cache where many requests go to names.
   *
   * @defaultValue `dns.lookup`
   */
  readonly lookup?: LookupFunction
  /**
   * How long the resolver may take. From 1 to 2147483647.
   *
   * @defaultValue `5000` (5 seconds)
   */
  readonly dnsTimeout?: Milliseconds
  /**
   * The family of addresses that are dialled when a name has been resolved; `0` is both. It does
   * not concern a target that is an address.
   *
   * @defaultValue `0`
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
