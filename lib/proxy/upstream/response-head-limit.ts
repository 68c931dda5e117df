import { readInteger } from '../../check-option.js'

/**
 * The most octets of a response's head, unless an option says another: policies and cookies of
 * large origins take some.
 */
export const RESPONSE_HEAD = 65_536

/**
 * Checks an option for the size of a response's head, in octets. Beyond its range a client would
 * fail at a usual head, or keep an origin's as long as it sends.
 *
 * @param value - `undefined`: the default.
 * @throws {BadOption} It is out of range.
 */
export function readResponseHead (value: unknown = RESPONSE_HEAD, option: string): number {
  return readInteger(value, option, 1_024, 1_048_576)
}
