import t from 'tap'
import { isConnectionBound } from '../../lib/schemes/connection-bound.js'

t.test('NTLM and Negotiate, in any case: are bound to the connection, and no other scheme is', async t => {
  t.strictSame(['NTLM', 'ntlm', 'Negotiate', 'Basic', null].map(isConnectionBound), [true, true, true, false, false])
})
