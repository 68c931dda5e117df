/** An address that may be dialled. */
export interface Address {
  /** A dotted quad, or compressed IPv6 without brackets. */
  readonly address: string
  readonly family: 4 | 6
}

/**
 * Orders addresses for dialling: families alternate, beginning with that of the first address;
 * within a family the resolver's order stays.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8305#section-4 RFC 8305, 4}
 */
export function interleave (addresses: readonly Address[]): Address[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family)
  const order: Address[] = []
  for (let index = 0; index < Math.max(first.length, second.length); index++) {
    order.push(...first.slice(index, index + 1), ...second.slice(index, index + 1))
  }
  return order
}
