import { NoParent, ParentChoiceFailed } from '../../errors.js'
import { after } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { Milliseconds, ProxyIdentity } from '../../types.js'
import { askWithin, orFail } from '../../deadline.js'
import type { Target } from '../target/check.js'
import { isFor, isForUser } from './entry.js'
import type { ParentEntry } from './entry.js'
import type { Hop } from './parent.js'

/** How long the function of the application may take. */
const TIME: Milliseconds = 5000
/** How many ways it may give for one request. */
const MAX_WAYS = 100
const ERRORS = { failed: (cause: unknown) => new ParentChoiceFailed({ cause }), late: () => new ParentChoiceFailed() }

/**
 * Chooses by a function of the application. Of what it gives, the entries that fit are taken.
 *
 * @param read - Makes an entry of what the function gave, and fails where it can be none.
 * @throws {NoParent} None of them fits, or there is none.
 * @throws {ParentChoiceFailed} The function threw, rejected, took too long, or gave something else.
 */
export function chooseBy (
  ask: (target: Target, identity: ProxyIdentity) => unknown, read: (value: unknown) => ParentEntry
): (target: Target, identity: ProxyIdentity) => Eventual<readonly Hop[]> {
  function settle (given: unknown, target: Target, identity: ProxyIdentity): readonly Hop[] {
    const ways: readonly unknown[] = Array.isArray(given) ? given : [given]
    if (ways.length > MAX_WAYS) throw new ParentChoiceFailed()
    const entries = ways.map((way) => orFail(() => read(way), ERRORS.failed))
    const fitting = entries.filter((entry) => isFor(entry, target) && isForUser(entry, identity))
    if (fitting.length === 0) throw new NoParent()
    return [...new Set(fitting.map(({ hop }) => hop))]
  }

  return ({ host, port, scheme }, identity) => {
    const target = { host, port, scheme }
    const given = askWithin(() => ask({ ...target }, identity), TIME, ERRORS)
    return after(given, (ways) => settle(ways, target, identity))
  }
}
