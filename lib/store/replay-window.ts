const BITS = 32

/**
 * A window that slides upwards: which of the last `size` numbers have come already.
 *
 * The bits are in a ring of words, one more than the window needs, so that moving up is clearing
 * whole words, at most all of them, however far the jump. Most windows see one number only; those
 * have no ring.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6479 RFC 6479}, which does so for IPsec
 * @example
 * const window = new ReplayWindow(256)
 * window.mark(3) // 'new'
 * window.mark(1) // 'new'
 * window.mark(3) // 'seen'
 */
export class ReplayWindow {
  private highest = 0
  private ring: Uint32Array | null = null

  /**
   * @param size - A multiple of 32.
   */
  constructor (private readonly size: number) {}

  /**
   * Marks a number as used, unless it is already, or is too low for anyone to tell.
   *
   * @param n - 1 to 4294967295. A large one takes the window with it: what lies below is then out
   *   of it.
   */
  mark (n: number): 'new' | 'seen' | 'below window' {
    const { highest } = this
    if (n + this.size <= highest) return 'below window'
    if (n === highest) return 'seen'
    if (highest === 0) {
      this.highest = n
      return 'new'
    }
    const ring = this.ring ??= this.ringWith(highest)
    const word = Math.floor(n / BITS)
    if (n > highest) {
      const top = Math.floor(highest / BITS)
      for (let next = Math.max(top + 1, word - ring.length + 1); next <= word; next++) ring[next % ring.length] = 0
      this.highest = n
    }
    const at = word % ring.length
    const bit = 1 << (n % BITS)
    if ((ring[at]! & bit) !== 0) return 'seen'
    ring[at]! |= bit
    return 'new'
  }

  private ringWith (n: number): Uint32Array {
    const ring = new Uint32Array(this.size / BITS + 1)
    ring[Math.floor(n / BITS) % ring.length] = 1 << (n % BITS)
    return ring
  }
}
