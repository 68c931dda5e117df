import Fastify from 'fastify'
import t from 'tap'
import proxyAuth from '../../lib/index.js'
import { observedOf } from '../../lib/metrics/observed.js'
import { basic } from '../fixtures/gateway.js'

const options = { realm: 'Gateway', strategies: [basic()] }

t.test('a scope: its own registration is found, and by those within it', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const found: unknown[] = []
  for (const prefix of ['/a', '/b']) {
    await app.register(async scope => {
      await scope.register(proxyAuth, options)
      await scope.register(async inner => { t.equal(observedOf(inner), observedOf(scope)) })
      found.push(observedOf(scope))
    }, { prefix })
  }
  t.equal(new Set(found).size, 2)
  t.throws(() => observedOf(app), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, 'what is around them has none')
})

t.test('what has no registration: the error says what is wanted', async t => {
  for (const app of [Fastify(), {}, null, undefined]) {
    t.throws(() => observedOf(app as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option app must be an application with proxy authentication/ })
  }
})
