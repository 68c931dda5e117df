import { BadOption } from '../errors.js'

/**
 * Any strategy, as far as a runner is concerned. The actions are not in it: the runner brings them.
 * The request is `any`, because every strategy has its own idea of it.
 */
export interface PassportStrategy {
  readonly name?: string | undefined
  authenticate (request: any, options?: any): unknown
}

/**
 * Where strategies have names: an Authenticator of @fastify/passport (`strategy`) or of passport
 * (`_strategy`).
 */
export type Registry = { strategy (name: string): unknown } | { use (...strategy: any[]): unknown }

/** How either is asked. The types of passport do not say so. */
interface Lookup {
  strategy? (name: string): unknown
  _strategy? (name: string): unknown
  readonly strategies?: object
  readonly _strategies?: object
}

/** What both know from the start, for an application's own sessions. */
const SESSION = 'session'

/**
 * Loads the singleton of passport, in which names are looked up where no other registry is given.
 */
export async function loadPassport (): Promise<Registry> {
  const { default: passport } = await import('passport')
  return passport
}

/**
 * Finds a strategy by its name.
 *
 * @throws {BadOption} There is no strategy of that name. The message lists the names there are.
 * @example
 * findStrategy(passport, 'jwt')
 */
export function findStrategy (registry: Registry, name: string): PassportStrategy {
  const lookup = registry as Lookup
  const found = typeof lookup.strategy === 'function' ? lookup.strategy(name) : lookup._strategy?.(name)
  if (isStrategy(found)) return found
  // `strategies` of passport's singleton holds classes, not names.
  const names = Object.keys(lookup._strategies ?? lookup.strategies ?? {}).filter((each) => each !== SESSION)
  throw new BadOption(`passport has no strategy '${name}'; it has: ${names.length === 0 ? 'none' : names.join(', ')}`)
}

/** Tells whether a value is a strategy, as far as that shows. */
export function isStrategy (value: unknown): value is PassportStrategy {
  return typeof (value as Partial<PassportStrategy> | null | undefined)?.authenticate === 'function'
}
