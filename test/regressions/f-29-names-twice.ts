import t from 'tap'
import { mergeIntoRaw } from '../../lib/fields/merge-into-raw.js'
import type { FieldRecord } from '../../lib/fields/hop-by-hop.js'

/** A head of `count` fields with two lines each, as node has it, and how often its list was read for `mergeIntoRaw`. */
function readsFor (count: number): { reads: number, lines: number } {
  const names = Array.from({ length: count }, (_, i) => `x-${i}`)
  const fields: FieldRecord = Object.fromEntries(names.map(name => [name, '1, 2']))
  let reads = 0
  const raw = new Proxy(['1', '2'].flatMap(value => names.flatMap(name => [name, value])), {
    get (list, key) {
      reads += 1
      return Reflect.get(list, key) as unknown
    }
  })
  const { length } = mergeIntoRaw(raw, fields)
  return { reads, lines: length }
}

t.test('names twice in a long list: the list is read in proportion to its length (F-29)', async t => {
  const [short, long] = [readsFor(100), readsFor(1000)]
  t.strictSame([short.lines, long.lines], [400, 4000])
  t.ok(long.reads < 11 * short.reads, `${short.reads} reads of 400 items, ${long.reads} of 4000`)
})
