import t from 'tap'
import { ownText } from '../../lib/store/own-text.js'
import { heapGrowth, sliceOfLong } from '../fixtures/heap-growth.js'

t.test('a text of any kind: the copy is the same', async t => {
  for (const text of ['', 'a', 'a name', '\0\n\xff', 'Bücher', 'Ā', '本'.repeat(20), '😀', '\ud800', 'a\udc00b', `${'a'.repeat(20)}${'b'.repeat(20)}`]) {
    t.equal(ownText(text), text)
  }
  t.not(ownText('\ud800'), ownText('\ufffd'))
})

t.test('copies of slices of long texts, and of what is joined from them: the long texts go', async t => {
  const kept: string[] = []
  const grown = heapGrowth(() => { for (let i = 0; i < 100; i++) kept.push(ownText(sliceOfLong()), ownText(`${sliceOfLong()}\n${i}`)) })
  t.ok(grown < 1_000_000, `the heap grew by ${grown} octets`)
  t.equal(kept.length, 200)
})
