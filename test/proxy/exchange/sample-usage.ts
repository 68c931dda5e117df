import { mock } from 'node:test'
import Fastify from 'fastify'
import t from 'tap'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { sampleUsage } from '../../../lib/proxy/exchange/sample-usage.js'

t.test('an application: rates are measured each second until it closes', async t => {
  const { timers: clock } = mock
  clock.enable({ apis: ['setInterval'] })
  t.teardown(() => clock.reset())
  const app = Fastify()
  const exchanges = new Exchanges()
  let sampled = 0
  exchanges.usage.sample = (live) => { sampled += live().length + 1 }
  sampleUsage(app, exchanges)
  clock.tick(2000)
  t.equal(sampled, 2)
  await app.close()
  clock.tick(2000)
  t.equal(sampled, 2)
})
