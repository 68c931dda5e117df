import t from 'tap'
import { isExtendedConnect } from '../../lib/fields/extended-connect.js'

t.test('a CONNECT that names a protocol: it is an extended CONNECT, one without is not', t => {
  t.equal(isExtendedConnect({ headers: { ':protocol': 'websocket', ':authority': 'a.test' } }), true)
  t.equal(isExtendedConnect({ headers: { ':authority': 'a.test' } }), false)
  t.end()
})
