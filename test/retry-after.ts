import t from 'tap'
import { retryAfter } from '../lib/retry-after.js'

t.test('a wait: the field has it in whole seconds, one or more', async t => {
  for (const [wait, seconds] of [[1, '1'], [1000, '1'], [1001, '2'], [90_000, '90']] as const) {
    t.strictSame(retryAfter(wait), { 'retry-after': seconds })
  }
})
