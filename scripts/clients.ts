import { writeFileSync } from 'node:fs'
import { inBrowsers } from './clients/browsers.js'
import { FORMS, LISTENERS } from './clients/exchange.js'
import { go } from './clients/go.js'
import { java } from './clients/java.js'
import { judge } from './clients/judge.js'
import type { Line } from './clients/judge.js'
import { inNode } from './clients/node.js'
import { page, totals } from './clients/page.js'
import { programs } from './clients/programs.js'
import { python } from './clients/python.js'
import { startSchemes } from './clients/schemes.js'
import { Scope } from './clients/scope.js'
import { startWorld } from './clients/world.js'

// npm run clients              runs every client against the gateway and writes docs/clients.md; fails if anything has failed
// npm run clients -- curl Java only those whose names hold one of the words; writes nothing

const words = process.argv.slice(2)
/** How many clients run at a time. */
const LANES = 3

const scope = new Scope()
const t = scope.asTest
const browsers = inBrowsers(t)
const all = [...programs(t), ...python(t), ...java(t), go(t), ...inNode, ...browsers]
const chosen = all.filter(({ name, skip }) => skip === false && (words.length === 0 || words.some(word => name.includes(word))))
const { schemes, leftOut } = await startSchemes(t)
const missing = [...leftOut === false ? [] : [leftOut], ...all.flatMap(({ name, skip }) => skip === false ? [] : [`${name}: ${skip}`])]
for (const line of missing) console.log(`left out, ${line}`)

const world = await startWorld(t, schemes, LISTENERS)
const lines = new Map<string, readonly Line[]>()
const waiting = [...chosen].sort((a, b) => Number(browsers.includes(b)) - Number(browsers.includes(a))) // the slow ones first
await Promise.all(Array.from({ length: LANES }, async () => {
  for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
    const start = performance.now()
    const { forms = FORMS, listeners = LISTENERS, schemes: own, name } = client
    const cells = schemes.filter(({ name }) => own?.includes(name) ?? true).flatMap(scheme => forms.flatMap(form => listeners.map(listener => ({ scheme, form, listener }))))
    const judged = await judge(t, client, cells, world)
    lines.set(name, judged)
    console.log(`${name}: ${totals(judged)}, ${((performance.now() - start) / 1000).toFixed(1)} s`)
    for (const { cell, verdict, says } of judged) {
      if (verdict !== 'failed') continue
      console.error(`${name}: failed with ${cell.scheme.name}, ${cell.form}, ${cell.listener}\n  ${says}`)
      process.exitCode = 1
    }
  }
})).finally(async () => await scope.end())

if (words.length > 0) console.log('docs/clients.md is not written: not every client was run')
else writeFileSync('docs/clients.md', page(chosen.map(({ name }) => ({ name, lines: lines.get(name)! })), schemes, missing))
