// `npm run fuzz`: looks for inputs that the gateway does not stand. See docs/internals/fuzzing.md.

import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FaultOfNode, Finding } from './harness/finding.js'
import type { Fuzzer } from './harness/fuzzer.js'
import { Random } from './harness/random.js'
import { shrink, smaller } from './harness/shrink.js'
import { World } from './harness/world.js'

const FOLDER = import.meta.dirname
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? Number(process.env['FUZZ_MINUTES'] ?? 0.5) * 60)
const CORPUS = process.env['FUZZ_CORPUS'] ?? join(FOLDER, '../corpus')
/** Findings of different kinds after which a fuzzer stops. */
const ENOUGH = 20
/** How often node has ended the gateway's process by a known fault of its own. */
let faultsOfNode = 0
const SHRINK_FOR = Number(process.env['FUZZ_SHRINK_SECONDS'] ?? 60) * 1000

const names = process.argv.slice(2)
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31))
const first = Number(process.env['FUZZ_FROM'] ?? 0)

if (names[0]?.endsWith('.json') === true) await replay(names[0])
else if (names.length === 1) process.exitCode = await fuzz(names[0]!)
else {
  const all = names.length > 0 ? names : readdirSync(FOLDER).filter(name => name.endsWith('.ts') && name !== 'run.ts').map(name => name.slice(0, -3))
  // All at a time: each has a process for its gateway, and a machine that is busy finds more.
  await Promise.all(all.map(async name => {
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, name], { stdio: 'inherit' })
    const status = await new Promise(resolve => child.once('exit', resolve))
    if (status !== 0) process.exitCode = 1
  }))
}

/** Tries the input of a file once more, and tells all that was said. */
async function replay (file: string): Promise<void> {
  const { fuzzer: name, input } = JSON.parse(readFileSync(file, 'utf8')) as { fuzzer: string, input: unknown }
  const { default: fuzzer } = await import(`./${name}.js`) as { default: Fuzzer }
  const world = fuzzer.world === false ? undefined : await World.start()
  world?.on('conversation', (said: unknown) => { console.dir(said, { maxStringLength: 3000 }) })
  const finding = await attempt(fuzzer, world, input)
  console.dir({ arrived: world?.origin.octets }, { maxStringLength: 3000 })
  console.log(finding?.message ?? 'nothing found')
  await world?.stop()
  if (finding !== null) process.exitCode = 1
}

/** Runs one fuzzer until its time is up. */
async function fuzz (name: string): Promise<number> {
  const { default: fuzzer } = await import(`./${name}.js`) as { default: Fuzzer }
  const world = fuzzer.world === false ? undefined : await World.start()
  const kinds = new Map<string, number>()
  const start = Date.now()
  let shrinking = 0
  let runs = 0
  const elapsed = (): number => Date.now() - start - shrinking
  console.log(`${name}: FUZZ_SEED=${seed}`)
  for (let index = first; elapsed() < SECONDS * 1000 && kinds.size < ENOUGH; index++) {
    const input = fuzzer.generate(new Random(seed, index))
    const finding = await attempt(fuzzer, world, input)
    runs += 1
    if (finding === null) continue
    const known = kinds.get(finding.kind) ?? 0
    kinds.set(finding.kind, known + 1)
    if (known > 0) continue
    console.log(`${name}: ${finding.kind}: after ${(elapsed() / 60_000).toFixed(2)} min, run ${index}`)
    const began = Date.now()
    const small = await shrink(input, async candidate => (await attempt(fuzzer, world, candidate))?.kind === finding.kind, began + SHRINK_FOR,
      candidate => fuzzer.shrink?.(candidate) ?? smaller(candidate))
    keep({ fuzzer: name, finding: finding.message.slice(0, 2000), seed, index, input: small })
    shrinking += Date.now() - began
  }
  const seconds = elapsed() / 1000
  console.log(`${name}: ${runs} runs, ${(runs / seconds).toFixed(1)} a second; ${kinds.size === 0 ? 'nothing found' : `found ${JSON.stringify([...kinds])}`}`)
  if (faultsOfNode > 0) console.log(`${name}: node ${process.version} has ended the gateway ${faultsOfNode} times by its own assertion in ~Http2Session (docs/internals/fuzzing.md)`)
  await world?.stop()
  return kinds.size === 0 ? 0 : 1
}

async function attempt (fuzzer: Fuzzer, world: World | undefined, input: unknown): Promise<Finding | null> {
  try {
    await fuzzer.run(world!, input)
    return null
  } catch (error) {
    if (error instanceof Finding) return error
    if (error instanceof FaultOfNode) {
      faultsOfNode += 1
      return null
    }
    return new Finding(`${(error as Error).name}`, (error as Error).stack)
  }
}

/** Writes a failing input into the corpus, which `npm test` replays. */
function keep (entry: { fuzzer: string, finding: string, seed: number, index: number, input: unknown }): void {
  const folder = join(CORPUS, entry.fuzzer)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${entry.finding.split(':')[0]!.replace(/\W+/g, '-').toLowerCase()}-${entry.seed}-${entry.index}.json`)
  writeFileSync(file, `${JSON.stringify(entry, null, 2)}\n`)
  // The machine of a CI is gone before anybody looks for the file.
  console.log(`${entry.fuzzer}: ${entry.finding}\n  kept as ${file}: ${JSON.stringify(entry.input).slice(0, 10_000)}`)
}
