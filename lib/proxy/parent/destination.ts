import { isThenable } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { Parent } from '../../policy/parent/parent.js'
import type { Access, Address, Admitted } from '../../policy/target/access.js'

/**
 * The host that a parent is asked for. An address has been classified, be it the target's own or
 * one that its name has here. A name that the parent resolves was allowed as a name.
 *
 * @throws {TargetDenied} {@link DnsFailed} {@link DnsTimeout} As {@link Access} has them.
 * @returns Canonical, IPv6 without brackets.
 */
export function hostForParent (
  { resolve }: Pick<Parent, 'resolve'>, admitted: Admitted, access: Pick<Access, 'resolve' | 'keepName'>
): Eventual<string> {
  if (admitted.literal === null && resolve === 'parent') {
    access.keepName(admitted)
    return admitted.host
  }
  const addresses = access.resolve(admitted)
  return isThenable(addresses) ? addresses.then(first) : first(addresses)
}

function first (addresses: readonly Address[]): string {
  return addresses[0]!.address
}
