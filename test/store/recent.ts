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
