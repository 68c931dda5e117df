import Fastify from 'fastify'
import t from 'tap'
import proxyAuth, { MissingPackage, proxyAuthMetrics } from '../../lib/index.js'
import { addMetrics } from '../../lib/metrics/metrics.js'
import { basic, gateway } from '../fixtures/gateway.js'
import { Reading, Registry } from '../fixtures/metrics.js'

t.test('a registry: it gets metrics with the prefix, and of users only where that is wanted', async t => {
  const { app } = await gateway(t)
  const names = async (options: object) => {
    const register = new Registry()
    await proxyAuthMetrics(app, { register, ...options })
    return [...(await new Reading(register).families()).keys()]
  }
  const usual = await names({})
  t.ok(usual.length > 15)
  t.ok(usual.every(name => name.startsWith('proxy_auth_') && !name.startsWith('proxy_auth_user_')))
  t.strictSame((await names({ users: true, prefix: 'gw_' })).filter(name => name.startsWith('gw_user_')),
    ['gw_user_exchanges_total', 'gw_user_denials_total', 'gw_user_limited_total', 'gw_user_bytes_total'])
})

t.test('a second time with one registry: the error says so, and the first ones go on', async t => {
  const { app } = await gateway(t)
  const register = new Registry()
  await proxyAuthMetrics(app, { register })
  const before = await register.metrics()
  await t.rejects(proxyAuthMetrics(app, { register }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option register must be a registry without metrics of these names/ })
  t.equal(await register.metrics(), before)
  await proxyAuthMetrics(app, { register, prefix: 'other_' })
})

t.test('options that are wrong, or an application without proxy authentication: nothing is loaded', async t => {
  const load = async () => { t.fail('loaded') }
  const register = new Registry()
  await t.rejects(addMetrics(Fastify(), { register }, load as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option app / })
  await t.rejects(addMetrics(Fastify(), {} as never, load as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option register / })
})

t.test('prom-client is not installed: the error names it', async t => {
  const app = Fastify()
  await app.register(proxyAuth, { realm: 'Gateway', strategies: [basic()] })
  const load = async (name: string, user: string) => { throw new MissingPackage(user, name) }
  await t.rejects(addMetrics(app, { register: new Registry() }, load), {
    code: 'FST_PROXY_AUTH_MISSING_PACKAGE', message: 'proxyAuthMetrics needs a package that is not there: npm install prom-client'
  })
})
