import { BadOption } from './errors.js'
import { nearest } from './nearest.js'
import type { Milliseconds } from './types.js'

/** Beyond it, node's timers fire at once. In milliseconds. */
export const MAX_TIMER = 2 ** 31 - 1

/** Whether a value has members by name: no list, no `null`. */
export function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Makes the error for an option. The message tells the type that was given, never the value. */
export function badOption (option: string, wanted: string, got: unknown): Error {
  return new BadOption(option, wanted, typeOf(got))
}

function typeOf (value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return value === null ? 'null' : typeof value
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

/** In a message there is room for so much of a name that may be of any length. */
const LONGEST_NAME = 60

/** A name that may come from a file, for a message: on one line, and not all of a long one. */
export function shownName (name: string): string {
  const printable = name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
  return printable.length > LONGEST_NAME ? `${printable.slice(0, LONGEST_NAME)}…` : printable
}

/**
 * Insists that there is no option but these: a misspelt `deny` must not leave everything open, nor
 * a misspelt store replays possible.
 *
 * @param path - What stands before the name in the message, its dot included. Default none.
 * @throws {BadOption} There is one more.
 */
export function refuseUnknown (options: object, known: ReadonlySet<string>, path = ''): void {
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue
    const meant = nearest(name, known)
    const instead = meant === undefined ? `there are: ${[...known].join(', ')}` : `did you mean "${path}${meant}"?`
    throw new BadOption(`unknown option "${path}${shownName(name)}"; ${instead}`)
  }
}

/**
 * Insists on an object with no members but these.
 *
 * @param wanted - What the message says it must be, where it may be something else too.
 * @throws {BadOption} It is none, or has one more.
 */
export function checkObject<Options extends object> (value: Options, option: string, known: ReadonlySet<string>, wanted = 'an object'): Options {
  if (!isObject(value)) throw badOption(option, wanted, value)
  refuseUnknown(value, known, `${option}.`)
  return value
}

/**
 * Insists on options that are an object with no members but these: {@link checkObject} for what has
 * no name to go before.
 *
 * @param wanted - What the message says they must be, for a constructor that people call in another
 *   way.
 * @throws {BadOption} They are none, or there is one more.
 */
export function checkOptions<Options extends object> (options: Options, known: ReadonlySet<string>, wanted = 'an object'): Options {
  if (!isObject(options)) throw badOption('options', wanted, options)
  refuseUnknown(options, known)
  return options
}

/**
 * Insists on a list, and freezes a copy of it.
 *
 * @param least - How many there must be. Default 0.
 * @throws {BadOption} It is none, or too short.
 */
export function readList<Member> (value: readonly Member[], option: string, least: 0 | 1 = 0): readonly Member[] {
  if (Array.isArray(value) && value.length >= least) return Object.freeze([...value])
  const instead = isObject(value) || typeof value === 'string' ? '; put it into a list' : ''
  throw new BadOption(option, least === 0 ? 'a list' : 'a list of one or more', typeOf(value) + instead)
}

/**
 * Insists on one of a few words.
 *
 * @throws {BadOption} It is none of them.
 */
export function readWord<Word extends string> (value: Word, option: string, words: readonly Word[]): Word {
  if (!words.includes(value)) throw badOption(option, words.map((word) => `'${word}'`).join(' or '), value)
  return value
}

/**
 * Insists on a time that node can wait for.
 *
 * @param least - 0, where that means something of its own; else 1.
 * @throws {BadOption} It is none.
 */
export function readTime (value: unknown, option: string, least: 0 | 1): Milliseconds {
  return readInteger(value, option, least, MAX_TIMER)
}
