import type { FastifyInstance } from 'fastify'
import { guarded } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import type { Exchanges } from './exchanges.js'

const EVERY: Milliseconds = 1000

/** Has rates measured, and progress told of, until the application closes. */
export function sampleUsage (app: FastifyInstance, exchanges: Exchanges): void {
  const timer = setInterval(guarded(() => exchanges.usage.sample(() => exchanges.proxied)), EVERY)
  timer.unref()
  app.addHook('onClose', async () => clearInterval(timer))
}
