import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { FastifyReply } from 'fastify'
import { HOP_BY_HOP_RESPONSE } from '../../fields/hop-by-hop.js'
import { ADDED_FIELDS } from '../../fields/spelling.js'
import { badOption } from '../../check-option.js'

/** Whether a field, by its name in lower case, is one that the application may add. */
export type KeepsField = (name: string) => boolean

/**
 * Fields of this hop, of the gate and of what frames and describes the content: they are never the
 * application's.
 */
const NEVER = new Set([...HOP_BY_HOP_RESPONSE, ...ADDED_FIELDS.keys(), 'date', 'content-range'])

/**
 * Fields whose lines go out beside those of the upstream; of all others the application's take
 * their place.
 */
const BESIDE = new Set(['set-cookie', 'vary'])

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

const kKeeps = Symbol('fastify-proxy-auth.keepsField')
type ReplyWithFields = FastifyReply & { [kKeeps]?: KeepsField }

/**
 * Lets fields that the application's hooks put on this reply go out with the response, whichever
 * that is.
 */
export function keepFields (reply: FastifyReply, keeps: KeepsField): void {
  ;(reply as ReplyWithFields)[kKeeps] = keeps
}

/** Whether a field of this reply stays. */
export function isKept (reply: FastifyReply, name: string): boolean {
  return (reply as ReplyWithFields)[kKeeps]?.(name) === true
}

/** The fields on this reply that stay, names in lower case. What cannot be sent does not. */
export function keptFields (reply: FastifyReply): Array<[name: string, lines: string[]]> {
  if ((reply as ReplyWithFields)[kKeeps] === undefined) return []
  return Object.entries(reply.getHeaders())
    .map(([name, value]): [string, string[]] => [name.toLowerCase(), [value ?? []].flat().map(String)])
    .filter(([name, lines]) => isKept(reply, name) && isSendable(name, lines))
}

function isSendable (name: string, lines: readonly string[]): boolean {
  try {
    validateHeaderName(name)
    for (const line of lines) validateHeaderValue(name, line)
    return true
  } catch {
    return false
  }
}

/** Adds to the fields of an upstream, a flat raw list, those of the reply that stay. */
export function addKeptFields (reply: FastifyReply, fields: string[]): void {
  const kept = keptFields(reply)
  if (kept.length === 0) return
  const replaced = new Set(kept.map(([name]) => name).filter((name) => !BESIDE.has(name)))
  let end = 0
  for (let i = 0; i < fields.length; i += 2) {
    if (replaced.has(fields[i]!.toLowerCase())) continue
    fields[end++] = fields[i]!
    fields[end++] = fields[i + 1]!
  }
  fields.length = end
  for (const [name, lines] of kept) for (const line of lines) fields.push(name, line)
}

/** Puts fields that stay back on a reply that has got those of an upstream since. */
export function restoreFields (reply: FastifyReply, kept: ReturnType<typeof keptFields>): void {
  for (const [name, lines] of kept) {
    const before = BESIDE.has(name) ? reply.getHeader(name) ?? [] : []
    const all = [before, lines].flat()
    reply.removeHeader(name)
    reply.header(name, all.length === 1 ? all[0] : all)
  }
}
