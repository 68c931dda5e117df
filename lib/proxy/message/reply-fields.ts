import { badOption } from '../../check-option.js'
import { HOP_BY_HOP_RESPONSE } from '../../fields/hop-by-hop.js'
import { ADDED_FIELDS } from '../../fields/spelling.js'
import type { KeepsField } from './response-head.js'

/**
 * Fields of this hop, of the gate and of what frames and describes the content: they are never the
 * application's.
 */
const NEVER = new Set([...HOP_BY_HOP_RESPONSE, ...ADDED_FIELDS.keys(), 'date', 'content-range'])

const NAME = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Reads `reverse[].replyFields`.
 *
 * @returns `undefined` where it is left out.
 * @throws {BadOption} It is wrong, or names a field that is never the application's.
 */
export function readReplyFields (value: unknown, option: string): KeepsField | undefined {
  if (value === undefined) return undefined
  if (value === true) return (name) => !NEVER.has(name)
  const isName = (name: unknown): boolean => typeof name === 'string' && NAME.test(name) && !NEVER.has(name.toLowerCase())
  if (!Array.isArray(value) || !value.every(isName)) {
    throw badOption(option, 'true or a list of names of fields, none of them the gateway\'s own', value)
  }
  const names = new Set((value as string[]).map((name) => name.toLowerCase()))
  return (name) => names.has(name)
}
