import type { IpAddress } from './address.js'

/** A block of addresses: those of `family` whose first `length` bits are those of `bits`. */
export interface Prefix {
  readonly family: 4 | 6
  readonly bits: bigint
  readonly length: number
}

const WIDTH = { 4: 32, 6: 128 } as const

/** True when all bits of `prefix` behind its length are zero. */
export function hasNoHostBits ({ family, bits, length }: Prefix): boolean {
  const rest = BigInt(WIDTH[family] - length)
  return (bits >> rest) << rest === bits
}

/**
 * Values by block. A look-up costs one map access per *length* in use, never one per block, so a
 * list of thousands of addresses is as fast as a list of one.
 */
export class PrefixTable<Value> {
  private readonly lengths = { 4: new Map<number, Map<bigint, Value>>(), 6: new Map<number, Map<bigint, Value>>() }

  /** The value of exactly this block, made by `create` when there is none yet. */
  entry ({ family, bits, length }: Prefix, create: () => Value): Value {
    const lengths = this.lengths[family]
    let blocks = lengths.get(length)
    if (blocks === undefined) lengths.set(length, blocks = new Map())
    const key = bits >> BigInt(WIDTH[family] - length)
    let value = blocks.get(key)
    if (value === undefined) blocks.set(key, value = create())
    return value
  }

  /** The values of all blocks that hold `address`, in no order that means anything. */
  * matches ({ family, bits }: IpAddress): Generator<Value> {
    for (const [length, blocks] of this.lengths[family]) {
      const value = blocks.get(bits >> BigInt(WIDTH[family] - length))
      if (value !== undefined) yield value
    }
  }
}
