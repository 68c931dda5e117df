import { writeFileSync } from 'node:fs'
import { inBrowsers } from './clients/browsers.js'
import { FORMS, LISTENERS } from './clients/exchange.js'
import { java } from './clients/java.js'
import { judge } from './clients/judge.js'
import type { Line } from './clients/judge.js'
import { inNode } from './clients/node.js'
import { page, totals } from './clients/page.js'
import { programs } from './clients/programs.js'
import { python } from './clients/python.js'
import { schemes } from './clients/schemes.js'
import { Scope } from './clients/scope.js'
import { startWorld } from './clients/world.js'

// npm run clients              runs every client against the gateway and writes docs/clients.md; fails if anything has failed
// npm run clients -- curl Java only those whose names hold one of the words; writes nothing

const words = process.argv.slice(2)
/** How many clients run at a time. */
const LANES = 3

const scope = new Scope()
const t = scope.asTest
const all = [...inBrowsers(t), ...java(t), ...programs(t), ...python(t), ...inNode]
const skipped = all.filter(({ skip }) => skip !== false)
for (const { name, skip } of skipped) console.log(`${name}: skipped, ${skip}`)
const chosen = all.filter(({ name, skip }) => skip === false && (words.length === 0 || words.some(word => name.includes(word))))

const world = await startWorld(t, schemes, LISTENERS)
const lines = new Map<string, readonly Line[]>()
const waiting = [...chosen] // the slow ones first
await Promise.all(Array.from({ length: LANES }, async () => {
  for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
    const start = performance.now()
    const { forms = FORMS, listeners = LISTENERS, name } = client
    const cells = schemes.flatMap(scheme => forms.flatMap(form => listeners.map(listener => ({ scheme, form, listener }))))
    const judged = await judge(t, client, cells, world)
    lines.set(name, judged)
    console.log(`${name}: ${totals(judged)}, ${((performance.now() - start) / 1000).toFixed(1)} s`)
    for (const { cell, verdict, says } of judged) {
      if (verdict !== 'failed') continue
      console.error(`${name}: failed with ${cell.scheme.name}, ${cell.form}, ${cell.listener}\n  ${says}`)
      process.exitCode = 1
    }
  }
}))
await scope.end()

const ordered = [...programs(t), ...python(t), ...java(t), ...inNode, ...inBrowsers(t)].flatMap(({ name }) => lines.has(name) ? [{ name, lines: lines.get(name)! }] : [])
if (words.length > 0 || skipped.length > 0) console.log('docs/clients.md is not written: not every client was run')
else writeFileSync('docs/clients.md', page(ordered, schemes))
