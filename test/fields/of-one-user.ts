import t from 'tap'
import { isOfOneUser } from '../../lib/fields/of-one-user.js'

t.test('HTTP/1.1, and nothing of another proxy (R-NEG-10, R-CH-13)', async t => {
  t.ok(isOfOneUser({ httpVersion: '1.1', headers: { 'x-request-id': '1' } }))
  for (const httpVersion of ['1.0', '2.0']) t.notOk(isOfOneUser({ httpVersion, headers: {} }))
  for (const name of ['via', 'forwarded', 'x-forwarded-for']) t.notOk(isOfOneUser({ httpVersion: '1.1', headers: { [name]: 'x' } }))
})
