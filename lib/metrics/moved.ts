import type { MovedOctets } from '../proxy/exchange/exchange.js'

type MovedDirection = 'in' | 'out'

type LiveMoved = readonly [name: string, octets: MovedOctets | undefined]

interface MovedSum { in: number, out: number }

/**
 * Adds up octets by a name: those of exchanges that have ended as they end, and those of exchanges
 * under way when they are asked for. So octets that pass cost nothing. What is told never falls.
 */
export class Moved {
  private readonly ended = new Map<string, MovedSum>()
  private readonly told = new Map<string, MovedSum>()

  /** An exchange has ended. */
  add (name: string, octets: MovedOctets): void {
    addTo(this.ended, name, octets)
  }

  /**
   * Tells how many more there are than last time.
   *
   * @param live - The exchanges under way. One that has not begun has no octets.
   */
  tell (live: Iterable<LiveMoved>, more: (name: string, direction: MovedDirection, octets: number) => void): void {
    const sums = new Map([...this.ended].map(([name, sum]) => [name, { ...sum }]))
    for (const [name, octets] of live) if (octets !== undefined) addTo(sums, name, octets)
    for (const [name, sum] of sums) {
      const before = this.told.get(name) ?? { in: 0, out: 0 }
      for (const direction of ['in', 'out'] as const) {
        more(name, direction, Math.max(0, sum[direction] - before[direction]))
        sum[direction] = Math.max(sum[direction], before[direction])
      }
      this.told.set(name, sum)
    }
  }
}

function addTo (sums: Map<string, MovedSum>, name: string, { bytesIn, bytesOut }: MovedOctets): void {
  const sum = sums.get(name) ?? { in: 0, out: 0 }
  sum.in += bytesIn
  sum.out += bytesOut
  sums.set(name, sum)
}
