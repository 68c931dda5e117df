/** How long each unit has taken. */
export class Latencies {
  private readonly all: number[] = []

  /** @param started - As `performance.now()` said it. */
  add (started: number): void {
    this.all.push(performance.now() - started)
  }

  /** How many there were, and their median and 99th percentile in ms. */
  summary (): { readonly units: number, readonly p50: number, readonly p99: number } {
    const sorted = Float64Array.from(this.all).sort()
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN
    return { units: sorted.length, p50: at(0.5), p99: at(0.99) }
  }
}
