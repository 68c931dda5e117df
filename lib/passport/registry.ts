import { BadOption } from '../errors.js'
import type { PassportStrategy } from './run.js'

/** Where strategies have names: an Authenticator of @fastify/passport (`strategy`) or of passport (`_strategy`). */
export type Registry = { strategy (name: string): unknown } | { use (...strategy: any[]): unknown }

/** How either is asked. The types of passport do not say so. */
interface Lookup {
  strategy? (name: string): unknown
  _strategy? (name: string): unknown
}

/**
 * Finds a strategy by its name.
 *
 * @throws {BadOption} There is no registry, or no strategy of that name in it.
 * @example
 * findStrategy(passport, 'jwt')
 */
export function findStrategy (registry: Registry | undefined, name: string): PassportStrategy {
  if (registry === undefined) throw new BadOption('passport', `an Authenticator, to find the strategy '${name}' in`, 'undefined')
  const lookup = registry as Lookup
  const found = typeof lookup.strategy === 'function' ? lookup.strategy(name) : lookup._strategy?.(name)
  if (!isStrategy(found)) throw new BadOption('strategies', `names that \`passport\` knows, which '${name}' is not`, typeof found)
  return found
}

/** Tells whether a value is a strategy, as far as that shows. */
export function isStrategy (value: unknown): value is PassportStrategy {
  return typeof (value as Partial<PassportStrategy> | null | undefined)?.authenticate === 'function'
}
