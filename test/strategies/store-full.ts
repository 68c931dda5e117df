import t from 'tap'
import { storeFull } from '../../lib/strategies/store-full.js'

t.test('a full store says when to come back, in whole seconds', async t => {
  for (const [ms, seconds] of [[0, '1'], [1, '1'], [1000, '1'], [1001, '2']] as const) {
    t.match(storeFull(ms), { code: 'FST_PROXY_AUTH_STORE_FULL', statusCode: 503, headers: { 'retry-after': seconds } })
  }
})
