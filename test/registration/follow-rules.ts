import { mock } from 'node:test'
import Fastify from 'fastify'
import t from 'tap'
import { followRules } from '../../lib/registration/follow-rules.js'
import { Permissions } from '../../lib/policy/permission/permissions.js'
import { createPolicy } from '../../lib/policy/rules/policy.js'
import type { Policy } from '../../lib/policy/rules/policy.js'
import type { Exchanges } from '../../lib/proxy/exchange/exchanges.js'
import { Log } from '../fixtures/log.js'

async function following (policy: Policy, routes: string[] = []) {
  const log = new Log()
  const app = Fastify({ logger: { level: 'info', stream: log.stream } })
  const permissions = new Permissions({ policy, groups: undefined, authorize: undefined, authorizeTimeout: 1 })
  const counts = { checked: 0 }
  followRules(app, policy, permissions, { recheck: () => { counts.checked += 1 } } as unknown as Exchanges, routes)
  await app.ready()
  return { app, log, permissions, counts }
}

t.test('rules of a file: with each change those under way are asked about, until the application closes', async t => {
  let listener: (() => void) | undefined
  const policy = { ...createPolicy({ rules: [] }), onChange: (given: () => void) => { listener = given; return () => { listener = undefined } } } as unknown as Policy
  const { app, log, permissions, counts } = await following(policy)
  listener!()
  t.equal(permissions.version, 1)
  t.equal(counts.checked, 1)
  t.ok(log.lines.some(({ msg }) => msg === 'policy: new rules are in force'))
  await app.close()
  t.equal(listener, undefined)
})

t.test('rules with hours: each minute those under way are asked about; rules without are not', async t => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const timed = await following(createPolicy({ rules: [{ from: '08:00', action: 'allow' }] }))
  const untimed = await following(createPolicy({ rules: [] }))
  mock.timers.tick(120_000)
  t.equal(timed.counts.checked, 2)
  t.equal(untimed.counts.checked, 0)
  await timed.app.close()
  mock.timers.tick(120_000)
  t.equal(timed.counts.checked, 2)
  await untimed.app.close()
})

t.test('what is probably not meant so: is logged when the application is ready', async t => {
  const policy = createPolicy({ rules: [{ name: 'all', action: 'deny' }, { name: 'late', routes: ['/api', '/gone'], action: 'allow' }] })
  const { app, log } = await following(policy, ['/api/'])
  const lines = log.lines.map(({ msg }) => String(msg))
  t.ok(lines.some(line => /no request comes to rule "late"/.test(line)))
  t.ok(lines.some(line => line === 'policy: rules name 1 of no reverse route: /gone'))
  await app.close()
})
