// What the gateway costs beside other proxies: one command, one table. Everything is on loopback, and ends with it.
//
//   npm run bench                             everything, in some twenty minutes on two processors
//   npm run bench -- connect tunnel           some scenarios (scenarios/index.ts)
//   npm run bench -- --against squid          beside the contenders only whose names have this in them
//   npm run bench -- --markdown FILE          puts the table into a page as well
//   npm run bench -- --sources                the sources as they are, in place of what is built
//   npm run bench -- --beside FOLDER          beside the build of another checkout
//
// BENCH_PROCESSES, BENCH_ROUNDS and BENCH_SECONDS make it shorter, or longer (settings.ts). More contenders are measured where
// they are installed, and better where there are wrk and taskset. Without anything else on the machine, or the figures say little.
import { mkdtempSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compile } from './compiled.js'
import { machine } from './machine.js'
import { aroundTable, markdown, replaceIn } from './markdown.js'
import { measure } from './measure.js'
import { chosen, reduced, withBuild } from './scenarios/index.js'
import { endAll, keepFolder } from './started.js'
import { HEAD, hasFailed, linesOf, text } from './table.js'
import type { Lines } from './table.js'
import { startWorld } from './world.js'

const { values: { markdown: page, against = [], sources, beside }, positionals } = parseArgs({
  allowPositionals: true,
  options: { markdown: { type: 'string' }, against: { type: 'string', multiple: true }, sources: { type: 'boolean' }, beside: { type: 'string' } }
})
const ROOT = fileURLToPath(new URL('..', import.meta.url))

if (page !== undefined) aroundTable(page) // or it fails before ten minutes of work
const wanted = chosen(positionals).map((scenario) => beside === undefined ? scenario : withBuild(scenario, beside))
const scenarios = wanted.map((scenario) => reduced(scenario, against, beside))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    endAll()
    process.exit(1)
  })
}
process.once('exit', endAll)

// In here, so that the package finds itself by its name.
const folder = keepFolder(mkdtempSync(join(ROOT, '.bench-')))
await compile(folder, sources ? 'sources' : 'built')
if (beside !== undefined) await compile(join(folder, 'beside'), { path: resolve(beside, 'dist/index.js') })
const world = await startWorld(folder)

const contenders = new Set(wanted.flatMap(({ sections }) => sections.flatMap(({ rows }) => rows.map(({ contender }) => contender))))
const about = machine([...contenders], ROOT)
const missing = new Set([...contenders].flatMap(({ name, missing }) => missing === false ? [] : [`${name} left out: ${missing}`]))
const notes = [...about, ...missing]
console.log([...notes, '', text(HEAD)].join('\n'))

const table: Lines[] = []
const said: string[] = []
for (const scenario of scenarios) {
  const results = await measure(scenario, world)
  for (const section of scenario.sections) {
    const lines = linesOf(section, results)
    table.push(lines)
    console.log(`\n${lines.title}`)
    for (const row of lines.rows) console.log(text(row))
    if (hasFailed(results, section.subject)) process.exitCode = 1
  }
  const sentences = await scenario.says?.(world) ?? []
  if (sentences.length > 0) console.log(`\n${sentences.join('\n')}`)
  said.push(...sentences)
}
if (page !== undefined) replaceIn(page, markdown(notes, table, said))
console.log(`\n${Math.round(performance.now() / 1000)} s in all`)
await Promise.all([world.origins, world.load, world.disturbance].map(async (each) => await each.end()))
