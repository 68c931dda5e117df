import t from 'tap'
import { readAccept, weightOf } from '../../lib/fields/accept.js'

const rows: Array<[value: string, weights: Record<string, number>]> = [
  ['', {}],
  ['a/b, ,;q=0.1', { 'a/b': 1 }],
  ['text/html', { 'text/html': 1 }],
  ['TEXT/HTML;level=1;q=0.4 , */*', { 'text/html': 0.4, '*/*': 1 }],
  ['a/b; Q=0.5', { 'a/b': 0.5 }],
  ['a/b;q=x, c/d;q=7', { 'a/b': 0, 'c/d': 1 }],
  [`${'a/b,'.repeat(300)}c/d`, { 'a/b': 1 }]
]
for (const [value, weights] of rows) {
  t.test(value.slice(0, 60), async t => {
    t.strictSame(Object.fromEntries(readAccept(value)), weights)
  })
}

t.test('several ranges that match: the most specific one decides', async t => {
  const ranges = readAccept('text/html;q=0, text/*;q=0.2, */*;q=0.1')
  t.equal(weightOf(ranges, ['text/html', 'text/*', '*/*']), 0)
  t.equal(weightOf(ranges, ['text/plain', 'text/*', '*/*']), 0.2)
  t.equal(weightOf(ranges, ['image/png', 'image/*', '*/*']), 0.1)
  t.equal(weightOf(ranges, ['image/png']), 0)
})
