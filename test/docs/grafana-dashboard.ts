// The dashboard asks for metrics that the gateway has, in words that Prometheus reads.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { allForms } from '../fixtures/all-forms.js'
import { metricsOf } from '../fixtures/metrics.js'
import type { Reading } from '../fixtures/metrics.js'
import { peer } from '../fixtures/peers.js'

interface Panel { type: string, title: string, description?: string, gridPos: Record<'x' | 'y' | 'w' | 'h', number>, targets?: Array<{ expr: string, legendFormat: string }> }

const { panels, templating } = JSON.parse(readFileSync('docs/reference/grafana-dashboard.json', 'utf8')) as { panels: Panel[], templating: { list: Array<{ query: string }> } }
const targets = panels.flatMap(({ targets = [] }) => targets)
const queries = targets.map(({ expr }) => expr)
const promtool = peer('promtool')
/** Labels that Prometheus adds itself, and `le` of histograms. */
const ADDED = ['job', 'instance', 'le']

t.test('each query: its metrics and their labels are those of a gateway after traffic in all forms', async t => {
  let metrics!: Reading
  const gate = await allForms(t, { after: async app => { metrics = await metricsOf(app, { users: true }) } })
  await gate.exchanges()
  const families = await metrics.families()
  const labels = new Map([...families].map(([name, { samples }]) => [name, new Set(samples.flatMap(sample => Object.keys(sample.labels)))]))
  const asked = new Set<string>()
  for (const query of [...queries, ...templating.list.map(({ query }) => query)]) {
    for (const [name] of query.matchAll(/\bproxy_auth_\w+/g)) {
      const family = families.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '')
      t.equal(families.get(family)?.type === 'histogram', family !== name, name)
      asked.add(family)
      const wanted = [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(', ')).concat(Array.from(query.matchAll(/\b(\w+)(?:=~|!=)/g), ([, label]) => label!))
      if (labels.get(family)!.size === 0) continue // nothing of it has happened
      t.strictSame(wanted.filter(label => !labels.get(family)!.has(label) && !ADDED.includes(label)), [], query)
    }
  }
  t.strictSame([...families.keys()].filter(name => !asked.has(name)), [], 'none is left out')
})

t.test('each panel: it has a title, says what it shows, and has a place of its own', async t => {
  const cells = new Set<string>()
  for (const { type, title, description, gridPos: { x, y, w, h } } of panels) {
    t.ok(title)
    if (type !== 'row') t.match(description, /\.$/, title)
    t.ok(x + w <= 24, title)
    for (let row = y; row < y + h; row++) {
      for (let column = x; column < x + w; column++) {
        if (cells.has(`${column},${row}`)) t.fail(`${title} lies over another`)
        cells.add(`${column},${row}`)
      }
    }
  }
})

t.test('each legend: its labels are kept by its query', async t => {
  for (const { expr, legendFormat } of targets) {
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) t.match(expr, new RegExp(`by \\([^)]*\\b${label}\\b`), legendFormat)
  }
})

t.test('each query, as a rule of Prometheus: promtool accepts it', { skip: promtool.skip }, async t => {
  const rules = queries.map((query, i) => ({ record: `query_${i}`, expr: query.replaceAll('$__rate_interval', '5m') }))
  const path = join(t.testdir(), 'rules.yml')
  writeFileSync(path, JSON.stringify({ groups: [{ name: 'dashboard', rules }] })) // which is YAML as well
  const { status, stdout, stderr } = spawnSync(promtool.path, ['check', 'rules', path], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  t.match(stdout, new RegExp(`${rules.length} rules found`))
})
