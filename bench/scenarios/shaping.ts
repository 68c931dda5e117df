import { Child } from '../child.js'
import type { Shaped, Shaping } from '../servers/shaping.js'
import type { Scenario } from './scenario.js'

/** Octets a second. */
const RATES = [100_000, 1_000_000, 10_000_000, 100_000_000]
const TUNNELS = [1, 16]
const SECONDS = 10 * Number(process.env['BENCH_SECONDS'] ?? 1)
/** In ms. */
const MORE_TIME = 20_000

/** How exactly a limit of bandwidth is kept: servers/shaping.ts. */
export const shaping: Scenario = {
  name: 'shaping',
  sections: [],
  async says ({ folder }) {
    const child = await Child.start(folder, 'shaping', 'contender')
    const lines: string[] = []
    for (const rate of RATES) {
      for (const direction of ['up', 'down'] as const) {
        for (const tunnels of TUNNELS) {
          const wanted: Shaping = { direction, rate, tunnels, seconds: SECONDS }
          lines.push(sentence(wanted, await child.ask(wanted, SECONDS * 1000 + MORE_TIME)))
        }
      }
    }
    await child.end()
    return lines
  }
}

function sentence ({ direction, rate, tunnels }: Shaping, { all, least, most }: Shaped): string {
  const each = tunnels === 1 ? '' : `, the slowest ${percent(least)} and the fastest ${percent(most)} of its part`
  return `${rate / 1e6} MB/s ${direction}, ${tunnels} ${tunnels === 1 ? 'tunnel' : 'tunnels'}: ${percent(all)} of that${each}`
}

function percent (part: number): string {
  return `${(part * 100).toFixed(1)} %`
}
