import t from 'tap'
import { failureOf } from '../../../lib/proxy/exchange/ended.js'

t.test('each reason to end a request: has its error', async t => {
  t.match(failureOf('closing'), { code: 'FST_PROXY_AUTH_CLOSING', statusCode: 503 })
  t.match(failureOf('revoked'), { code: 'FST_PROXY_AUTH_FORBIDDEN', statusCode: 403, message: 'forbidden: access revoked' })
  t.match(failureOf('forbidden'), { code: 'FST_PROXY_AUTH_FORBIDDEN', statusCode: 403, message: 'forbidden: new rules refuse it' })
})
