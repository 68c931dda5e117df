import { BadOption } from './errors.js'

/** Beyond it, node's timers fire at once. In milliseconds. */
export const MAX_TIMER = 2 ** 31 - 1

/** Whether a value has members by name: no list, no `null`. */
export function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Makes the error for an option. The message tells the type that was given, never the value. */
export function badOption (option: string, wanted: string, got: unknown): Error {
  return new BadOption(option, wanted, got === null ? 'null' : Array.isArray(got) ? 'a list' : typeof got)
}

/**
 * Insists on an integer of a range.
 *
 * @throws {BadOption} It is none.
 * @example
 * readInteger(500, 'drainTimeout', 0, MAX_TIMER) // 500
 */
export function readInteger (value: unknown, option: string, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw new BadOption(option, `an integer from ${least} to ${most}`, typeof value === 'number' ? 'another number' : typeof value)
}

/**
 * Insists that there is no option but these: a misspelt `deny` must not leave everything open, nor a misspelt store
 * replays possible.
 *
 * @param path - What stands before the name in the message, its dot included. Default none.
 * @throws {BadOption} There is one more.
 */
export function refuseUnknown (options: object, known: ReadonlySet<string>, path = ''): void {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw new BadOption(path + name, 'left out (there is no such option)', 'it')
  }
}
