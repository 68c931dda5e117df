import { GuessLimiter } from './attempts.js'
import { RedisHealth } from '../../store/redis-health.js'
import type { StoreListener } from '../../store/store-health.js'
import type { AttemptsSettings } from './attempts-options.js'
import { loadRateLimiters } from '../rate-limiters.js'
import { createCounter } from './counter.js'

/**
 * Makes the limits for wrong secrets, with a counter for each of the things that are counted.
 *
 * @param realm - Whose they are: registrations that share a Redis and a realm share the counts.
 * @param onTrouble - Told when Redis does not answer, once until it does again, and then.
 * @throws {MissingPackage} The package that counts is missing.
 */
export async function createAttempts (
  settings: AttemptsSettings, realm: string, onTrouble: StoreListener
): Promise<GuessLimiter> {
  const { timeWindow, redis: client, prefix } = settings
  const redis = client && { client, health: new RedisHealth(client, onTrouble) }
  const limiters = await loadRateLimiters('option attempts')
  const counter = (what: string, beyond?: 'apart') => createCounter({ limiters, name: `${prefix}:${what}:${realm}`, timeWindow, redis, beyond })
  // A guess that is taken for one that has been counted is not counted: so what there is no room
  // for is new.
  return new GuessLimiter(settings, { address: counter('address'), user: counter('user'), guess: counter('guess', 'apart') })
}
