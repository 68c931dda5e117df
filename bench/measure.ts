// How it is measured: several processes of each contender, one after another, and in each the contenders in turn.
import { availableParallelism } from 'node:os'
import type { Contender, Running, World } from './contenders/contender.js'
import { spread } from './figures.js'
import { isShared } from './processor.js'
import type { Row, Scenario, Section } from './scenarios/scenario.js'
import { settings } from './settings.js'

/** What one process has done. */
export interface Sample {
  /** Of the process, by unit: µs of a request or tunnel, s of a GiB. */
  readonly cpu: number
  /** Units in a second. */
  readonly rate: number
  /** In ms. */
  readonly p50: number
  readonly p99: number
  /** MiB at the most, or KiB of an idle tunnel. */
  readonly memory: number
  /** The share of the time in which the load, or an origin, had its processor. */
  readonly busy: number
  readonly failed: number
}

/** Of each row a sample for each process, `undefined` where there was none, and the last error. */
export type Samples = Map<Row, { readonly samples: Array<Sample | undefined>, error?: string }>

/**
 * How many units go before those that count. Node's code gets faster for some 4,000 requests, or 1,000 tunnels: the first 2,000
 * requests cost five times as much as those after them. Octets need less: a share of the load that counts.
 */
const WARM_UP = { request: 8000, tunnel: 2000 }
/** A process that is slower than that is measured as it is. */
const MAX_WARM_UPS = 6
const SHORT_WARM_UP = 0.4
const ALMOST_NONE = 0.1

export async function measure ({ sections, maxProcesses = Infinity }: Scenario, world: World): Promise<Samples> {
  const results: Samples = new Map(sections.flatMap(({ rows }) => rows).map((row) => [row, { samples: [] }]))
  const contenders = [...new Set([...results.keys()].map(({ contender }) => contender))]
  for (let turn = 0; turn < Math.min(settings.processes, maxProcesses); turn++) {
    const running = await startAll(contenders, world)
    for (const section of sections) await measureSection(section, running, world, turn, results)
    await Promise.all([...running.values()].map(async (each) => { if (!(each instanceof Error)) await each.end() }))
  }
  return results
}

async function startAll (contenders: readonly Contender[], world: World): Promise<Map<Contender, Running | Error>> {
  return new Map(await Promise.all(contenders.map(async (contender) => {
    return [contender, await contender.start(world).catch((error: Error) => error)] as const
  })))
}

async function measureSection (
  section: Section, running: ReadonlyMap<Contender, Running | Error>, world: World, turn: number, results: Samples
): Promise<void> {
  const rounds = new Map<Row, Sample[]>()
  const { rounds: number, seconds } = { ...settings, ...section.isOnce && { rounds: 1 } }
  for (let round = section.isOnce ? 0 : -1; round < number; round++) {
    // The first may find another machine than the last.
    const rows = (turn + round) % 2 === 0 ? section.rows : [...section.rows].reverse()
    for (const row of rows) {
      const contender = running.get(row.contender)!
      try {
        if (contender instanceof Error) throw contender
        if (round < 0) await warmUp(section, row, contender, world, seconds)
        else rounds.set(row, [...rounds.get(row) ?? [], await sample(section, row, contender, world, seconds)])
      } catch (error) {
        results.get(row)!.error = error instanceof Error ? error.message : String(error)
      }
    }
  }
  for (const row of section.rows) results.get(row)!.samples.push(median(rounds.get(row)))
}

/** By count and not by time: at the pace of a cold process a second is a tenth of what it takes. */
async function warmUp ({ unit }: Section, row: Row, contender: Running, world: World, seconds: number): Promise<void> {
  if (!row.contender.warmsUp || unit === 'GiB') {
    await row.load(contender, world, seconds * (row.contender.warmsUp ? SHORT_WARM_UP : ALMOST_NONE))
    return
  }
  let done = 0
  for (let turn = 0; turn < MAX_WARM_UPS && done < WARM_UP[unit]; turn++) done += (await row.load(contender, world, seconds)).units
}

async function sample ({ unit }: Section, row: Row, contender: Running, world: World, seconds: number): Promise<Sample> {
  const [before, originBefore] = [await contender.usage(), await world.origins.usage()]
  const { units, failed, octetsEach, p50 = NaN, p99 = NaN, ...loaded } = await row.load(contender, world, seconds)
  const [after, originAfter] = [await contender.usage(), await world.origins.usage()]
  if (units === 0) throw new Error('it has done nothing')
  const busy = [loaded.cpu, originAfter.cpu - originBefore.cpu].map((cpu) => cpu / 1e6 / loaded.seconds)
  return {
    // Garbage was collected to see how much there is: that is no cost of the tunnels.
    cpu: octetsEach === undefined ? (after.cpu - before.cpu) / units / (unit === 'GiB' ? 1e6 : 1) : NaN,
    rate: units / loaded.seconds,
    p50,
    p99,
    memory: octetsEach === undefined ? after.peak / 2 ** 20 : octetsEach / 1024,
    // Before they were opened, there was other work.
    busy: octetsEach !== undefined ? 0 : isShared && availableParallelism() > 1 ? busy[0]! + busy[1]! : Math.max(...busy),
    failed
  }
}

/** Of all rounds of a process. */
function median (samples: readonly Sample[] | undefined): Sample | undefined {
  if (samples === undefined) return undefined
  const of = (name: keyof Sample): number => spread(samples.map((sample) => sample[name])).median
  const most = (name: keyof Sample): number => Math.max(...samples.map((sample) => sample[name]))
  return { cpu: of('cpu'), rate: of('rate'), p50: of('p50'), p99: of('p99'), memory: of('memory'), busy: most('busy'), failed: most('failed') }
}
