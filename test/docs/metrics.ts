// The tables of the guide name the metrics that there are, with their labels.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { COUNTERS, GAUGES, HISTOGRAMS, OF_USERS } from '../../lib/metrics/definitions.js'

const text = readFileSync('docs/guide/metrics.md', 'utf8')
const rows = [...text.matchAll(/^\| `proxy_auth_(\w+)` \| (.*?) ?\| [a-z].* \|$/gm)].map(([, name, labels]) => ({
  name, labels: labels!.split(/[;,] /).flatMap(part => /^`(\w+)`/.exec(part)?.[1] ?? [])
}))

t.test('each metric: it has a row in the guide, and each row is one', async t => {
  const all = [COUNTERS, OF_USERS, HISTOGRAMS, GAUGES].flatMap(table => Object.values(table))
  t.strictSame(rows.map(({ name }) => name).sort(), all.map(({ name }) => name).sort())
  for (const { name, labels } of all) {
    const told = rows.find(row => row.name === name)!.labels
    for (const label of labels) t.ok(told.includes(label), `${name}: ${label}`)
  }
})
