import t from 'tap'
import { asError } from '../../lib/platform/as-error.js'

t.test('what was thrown: an error stays itself, anything else becomes the cause of one', async t => {
  const error = new TypeError('x')
  t.equal(asError(error), error)
  for (const other of [undefined, null, '', 0, 'text', { message: 'x' }]) {
    const made = asError(other)
    t.ok(made instanceof Error)
    t.equal(made.cause, other)
  }
})
