import t from 'tap'
import { COUNTERS, GAUGES, HISTOGRAMS, OF_USERS } from '../../lib/metrics/definitions.js'

const all = [COUNTERS, OF_USERS, HISTOGRAMS, GAUGES].flatMap(table => Object.values(table))

t.test("the names of metrics: they follow Prometheus' conventions", async t => {
  for (const { name, help, labels } of all) {
    t.match(name, /^[a-z]+(?:_[a-z]+)*$/, name)
    t.match(help, /^[A-Z].*[^.]$/, name)
    for (const label of labels) t.match(label, /^[a-z]+$/, name)
  }
  for (const { name } of Object.values({ ...COUNTERS })) t.match(name, /_total$/)
  for (const { name } of Object.values(HISTOGRAMS)) t.match(name, /_seconds$/)
  for (const { name } of Object.values(GAUGES)) t.notMatch(name, /_total$/)
  t.equal(new Set(all.map(({ name }) => name)).size, all.length)
})

t.test('the bounds of histograms: they rise', async t => {
  for (const { name, buckets } of Object.values(HISTOGRAMS)) t.strictSame(buckets, [...buckets!].sort((a, b) => a - b), name)
})

t.test('users: a label of theirs is on their own metrics alone', async t => {
  t.strictSame(all.filter(({ labels }) => labels.includes('user')), Object.values(OF_USERS))
})
