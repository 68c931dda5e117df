import t from 'tap'
import { LimitReached } from '../../../lib/errors.js'
import { failureOf, reasonOf } from '../../../lib/proxy/exchange/ended.js'

t.test('each reason to end a request: has its error', async t => {
  t.match(failureOf('closing'), { code: 'FST_PROXY_AUTH_CLOSING', statusCode: 503 })
  t.match(failureOf('revoked'), { code: 'FST_PROXY_AUTH_FORBIDDEN', statusCode: 403, message: 'forbidden: access revoked' })
  t.match(failureOf('forbidden'), { code: 'FST_PROXY_AUTH_FORBIDDEN', statusCode: 403, message: 'forbidden: new rules refuse it' })
})

t.test('a limit that is reached: it is the error itself, and the log has its code', async t => {
  const failure = new LimitReached(1)
  t.equal(failureOf(failure), failure)
  t.equal(reasonOf(failure), 'FST_PROXY_AUTH_LIMIT_REACHED')
  t.equal(reasonOf('revoked'), 'revoked')
})
