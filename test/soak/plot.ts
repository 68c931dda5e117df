import type { Snapshot } from './gateway.js'

const BARS = '▁▂▃▄▅▆▇█'

/** One line of bars from the least of the values to the most. */
export function plot (name: string, values: readonly number[], unit: string): string {
  const least = Math.min(...values)
  const most = Math.max(...values)
  const bar = (value: number) => BARS[most === least ? 0 : Math.round((value - least) / (most - least) * (BARS.length - 1))]!
  const text = (value: number) => value.toFixed(value < 100 ? 1 : 0)
  return `${name.padEnd(14)} ${values.map(bar).join('')} ${text(least)} … ${text(most)} ${unit}`
}

/** The value that a share of all is not above. */
export function quantile (values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** By how much a value grows with another: of the line that comes closest to all points, by least squares. */
export function slope (points: ReadonlyArray<readonly [at: number, value: number]>): number {
  const mean = (of: readonly number[]) => of.reduce((sum, each) => sum + each, 0) / of.length
  const middle = mean(points.map(([at]) => at))
  const square = mean(points.map(([at]) => (at - middle) ** 2))
  return square === 0 ? 0 : mean(points.map(([at, value]) => (at - middle) * value)) / square
}

/** What the gateway held over time, a line each. */
export function plotsOf (samples: readonly Snapshot[]): string {
  return [
    plot('heap', samples.map(({ heap }) => heap / 2 ** 20), 'MiB'),
    plot('external', samples.map(({ external }) => external / 2 ** 20), 'MiB'),
    plot('resident', samples.map(({ rss }) => rss / 2 ** 20), 'MiB'),
    plot('descriptors', samples.map(({ descriptors }) => descriptors), ''),
    plot('timers', samples.map(({ resources }) => resources['Timeout'] ?? 0), '')
  ].join('\n')
}
