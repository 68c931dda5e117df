import t from 'tap'
import { UnreadableDocument } from '../../../lib/policy/rules/located-document.js'

t.test('a text that is no document: the error has its line', async t => {
  const error = new UnreadableDocument(3, 'not JSON')
  t.match(error, { line: 3, message: 'not JSON' })
  t.ok(error instanceof Error)
})
