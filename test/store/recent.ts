import t from 'tap'
import { Recent } from '../../lib/store/recent.js'
import { heapGrowth, sliceOfLong } from '../fixtures/heap-growth.js'

t.test('more values than the limit: the last are kept, and no others', async t => {
  const recent = new Recent<number>(2)
  t.equal(recent.get('a'), undefined)
  t.equal(recent.set('a', 1), 1)
  recent.set('b', 2)
  t.strictSame([recent.get('a'), recent.get('b')], [1, 2])
  recent.set('c', 3)
  t.strictSame([recent.get('a'), recent.get('b'), recent.get('c')], [undefined, 2, 3])
})

t.test('keys that are slices of long texts, or joined from them: the long texts are not kept', async t => {
  const recent = new Recent<number>(1000)
  const grown = heapGrowth(() => { for (let i = 0; i < 100; i++) recent.set(`${sliceOfLong()}\n${i}`, i) })
  t.ok(grown < 1_000_000, `the heap grew by ${grown} octets`)
  t.equal(recent.set('key', 100), 100)
})

t.test('more values than are kept: those that were set latest stay, and to set one anew counts', async t => {
  const latest = new Recent<number, string | null>(2)
  latest.set('a', 1)
  latest.set(null, 2)
  latest.set('a', 3)
  latest.set('b', 4)
  t.strictSame([...latest], [['a', 3], ['b', 4]])
  t.strictSame([latest.get('a'), latest.get(null)], [3, undefined])
})

t.test('a key that comes again as a slice of a long text: the long text is not kept', async t => {
  const recent = new Recent<number>(1000)
  const slices = Array.from({ length: 100 }, sliceOfLong)
  for (const slice of slices) recent.set(slice, 1)
  const again = heapGrowth(() => {
    for (const slice of slices) recent.set(Buffer.from(slice + 'y'.repeat(100_000)).toString('latin1').slice(0, 32), 2)
  })
  t.ok(again < 1_000_000, `the heap grew by ${again} octets`)
  t.strictSame([...recent].map(([, value]) => value), slices.map(() => 2))
})
