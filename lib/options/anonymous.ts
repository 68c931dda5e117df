import { badOption, checkObject } from '../check-option.js'
import type { AnonymousOptions, ReverseRoute } from './options.js'
import { PatternList } from '../policy/target/pattern-list.js'

/** Who may come without credentials, and to which targets. */
export interface AnonymousSettings {
  readonly to: PatternList
  readonly name: string
}

const OPTIONS = new Set(['to', 'name'])

/**
 * Checks the option `anonymous`.
 *
 * @returns `undefined`: no client may, neither to a target nor on a route.
 * @throws {BadOption} It is wrong.
 */
export function readAnonymous (
  anonymous: AnonymousOptions | undefined, reverse: readonly ReverseRoute[]
): AnonymousSettings | undefined {
  if (anonymous === undefined && !reverse.some((route) => route.anonymous)) return undefined
  const { to = [], name = 'anonymous' } = checkObject(anonymous ?? {}, 'anonymous', OPTIONS)
  if (typeof name !== 'string' || name === '') throw badOption('anonymous.name', 'text', name)
  return Object.freeze({ to: PatternList.from(to, 'anonymous.to'), name })
}
