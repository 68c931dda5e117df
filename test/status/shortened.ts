import t from 'tap'
import { shortened } from '../../lib/status/shortened.js'

t.test('a text of usual length, or none: it stays as it is', async t => {
  t.equal(shortened('alice'), 'alice')
  t.equal(shortened('x'.repeat(300)), 'x'.repeat(300))
  t.equal(shortened(null), null)
})

t.test('a longer text: its beginning is told, without half a char', async t => {
  t.equal(shortened('x'.repeat(301)), `${'x'.repeat(300)}…`)
  t.equal(shortened(`${'x'.repeat(299)}😀`), `${'x'.repeat(299)}\ufffd…`)
})
