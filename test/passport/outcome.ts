import t from 'tap'
import { StoreFull, TooManyHandshakes, VerifierBusy } from '../../lib/errors.js'
import { broken } from '../../lib/passport/outcome.js'

t.test('a strategy that failed is 500, one that is unavailable 503, none is a client\'s mistake (R-407-15, R-MAP-3, SM-12, SM-13)', async t => {
  for (const cause of [new Error('x'), 'text', null, undefined, Object.assign(new Error('x'), { statusCode: 401 }), { code: 7 }]) {
    t.match(broken('jwt', cause), {
      kind: 'broken', strategy: 'jwt', cause: { code: 'FST_PROXY_AUTH_STRATEGY_FAILED', statusCode: 500, cause }
    })
  }
  for (const cause of [{ statusCode: 503 }, { status: 503 }, { code: 'ECONNREFUSED' }, { code: 'ENOTFOUND' }]) {
    t.match(broken('jwt', cause), { cause: { code: 'FST_PROXY_AUTH_STRATEGY_UNAVAILABLE', statusCode: 503, cause } })
  }
})

t.test('the message names the strategy and says nothing of the cause', async t => {
  const { cause } = broken('jwt', new Error('alice-secret'))
  t.match(cause.message, /jwt/)
  t.notMatch(cause.message, /alice-secret/)
})

t.test('a full store says when to come back, and the client reads it (R-MAP-3)', async t => {
  const full = new StoreFull(7000)
  t.strictSame(broken('digest', full), { kind: 'broken', cause: full, strategy: 'digest' })
  const many = new TooManyHandshakes(7000)
  t.strictSame(broken('ntlm', many), { kind: 'broken', cause: many, strategy: 'ntlm' })
  const busy = new VerifierBusy(7000)
  t.strictSame(broken('ldap', busy), { kind: 'broken', cause: busy, strategy: 'ldap' })
})
