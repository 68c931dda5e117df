import type { FastifyInstance } from 'fastify'
import { loadPackage } from '../load-package.js'
import { eventMetrics } from './event-metrics.js'
import { MetricMaker } from './metric-maker.js'
import { readMetricsOptions } from './metrics-options.js'
import type { MetricsOptions } from './metrics-options.js'
import { observedOf } from './observed.js'
import type { PromClient } from './prom-client.js'
import { stateMetrics } from './state-metrics.js'
import { userMetrics } from './user-metrics.js'

/**
 * Gives the metrics of a gateway to a registry of `prom-client`, which is an optional peer. Serve
 * them where only those can read them who may: the route is the application's.
 *
 * @param app - The scope that has registered the plugin, or one within it.
 * @param options - The registry, and what else is counted.
 * @throws {BadOption} An option is wrong; the plugin is not registered in this scope yet; or the
 *   registry has metrics of these names.
 * @throws {MissingPackage} `prom-client` is not installed.
 * @example
 * await app.register(proxyAuth, options)
 * await proxyAuthMetrics(app, { register })
 * app.get('/metrics', { onRequest: operatorsOnly }, async (_request, reply) => {
 *   return reply.type(register.contentType).send(await register.metrics())
 * })
 */
export async function proxyAuthMetrics (app: FastifyInstance, options: MetricsOptions): Promise<void> {
  await addMetrics(app, options)
}

/** As {@link proxyAuthMetrics}, with what loads `prom-client`. */
export async function addMetrics (
  app: FastifyInstance, options: MetricsOptions, load = loadPackage<PromClient>
): Promise<void> {
  const { register, users, prefix } = readMetricsOptions(options)
  const observed = observedOf(app)
  const maker = new MetricMaker(await load('prom-client', 'proxyAuthMetrics'), prefix)
  const begin = [eventMetrics(maker, observed), ...(users === 0 ? [] : [userMetrics(maker, observed, users)])]
  stateMetrics(maker, observed)
  maker.register(register)
  for (const each of begin) each()
}
