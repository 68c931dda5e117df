/**
 * Counts what is taken of something of which there is so much, and so much for each owner: an
 * address, for one.
 *
 * @example
 * const shares = new Shares(1000, 100)
 * if (!shares.take(1, '192.0.2.1')) throw new Error('no room')
 */
export class Shares {
  private all = 0
  private readonly owners = new Map<string, number>()

  /**
   * @param limit - The most in all.
   * @param share - The most of one owner.
   */
  constructor (private readonly limit: number, private readonly share: number) {}

  /** How much is taken in all. */
  get taken (): number { return this.all }

  /**
   * Whether so much may be taken.
   *
   * @param owner - Empty: there is none to tell, and no share.
   * @returns What there is too little of, if not.
   */
  lacks (amount: number, owner: string): 'share' | 'room' | undefined {
    if (owner !== '' && (this.owners.get(owner) ?? 0) + amount > this.share) return 'share'
    return this.all + amount > this.limit ? 'room' : undefined
  }

  /** Takes some, if there is room. */
  take (amount: number, owner: string): boolean {
    if (this.lacks(amount, owner) !== undefined) return false
    this.all += amount
    if (owner !== '') this.owners.set(owner, (this.owners.get(owner) ?? 0) + amount)
    return true
  }

  /** Gives back what was taken, in one go or in several. */
  giveBack (amount: number, owner: string): void {
    this.all -= amount
    const left = (this.owners.get(owner) ?? 0) - amount
    if (left > 0) this.owners.set(owner, left)
    else this.owners.delete(owner)
  }
}
