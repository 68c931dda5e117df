import type { FastifyInstance } from 'fastify'
import type { Events } from '../events/events.js'
import type { Settings } from '../options/settings.js'
import { createLimits } from '../policy/limits/limits.js'
import type { Limits } from '../policy/limits/limits.js'
import { storeListener } from './store-listener.js'

/**
 * Makes the limits of a registration, which tell the log and who listens to events, and end with
 * the application.
 *
 * @returns `undefined`: there are none.
 * @throws {MissingPackage} A package that they need is not installed.
 * @throws {BadOption} The file of quotas cannot be opened.
 */
export async function prepareLimits (
  app: FastifyInstance, { limits, redis }: Pick<Settings, 'limits' | 'redis'>, events: Events
): Promise<Limits | undefined> {
  if (limits === undefined) return undefined
  const { file, whenFailing } = limits.store
  const name = file === undefined ? 'Redis' : 'The store of limits'
  const meanwhile = whenFailing === 'allow' ? 'what limits hold is not counted' : undefined
  const made = await createLimits(limits, redis, {
    onLimited (note) {
      if (events.hears('limited')) events.tell('limited', note)
    },
    onStore: storeListener(app.log, events, 'limits', name, meanwhile)
  })
  app.addHook('onClose', async () => { await made.close() })
  return made
}
