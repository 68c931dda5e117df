import t from 'tap'
import { ORIGIN, PROXY } from '../../../lib/gate/role/role.js'

t.test('a proxy and an origin: each has its own status and its own names of fields (R-407-3)', async t => {
  t.same(PROXY, {
    status: 407, credentials: 'proxy-authorization', challenge: 'proxy-authenticate', info: 'proxy-authentication-info'
  })
  t.same(ORIGIN, {
    status: 401, credentials: 'authorization', challenge: 'www-authenticate', info: 'authentication-info'
  })
  for (const mode of [PROXY, ORIGIN]) t.ok(Object.isFrozen(mode))
})
