import t from 'tap'
import { isExtendedConnect } from '../../lib/fields/extended-connect.js'

t.test('a CONNECT for a protocol names one', t => {
  t.equal(isExtendedConnect({ headers: { ':protocol': 'websocket', ':authority': 'a.test' } }), true)
  t.equal(isExtendedConnect({ headers: { ':authority': 'a.test' } }), false)
  t.end()
})
