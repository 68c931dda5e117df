import type { FieldRecord } from './hop-by-hop.js'
import { listOf, recordOf } from './raw-list.js'
import { spelled } from './spelling.js'

/**
 * Writes fields as a flat raw list that differs from the one received only where the fields do:
 * order, case and lines stay, a changed value takes the place of the old one, what is new comes
 * last. Records lose all that, and the reverse routes have to pass through records, because the
 * hooks of @fastify/http-proxy take them.
 *
 * @param raw - As received: names and values in turn.
 * @param fields - What is to be sent, by lower-case name. `undefined` is no field.
 * @example
 * mergeIntoRaw(['X-B', '1', 'X-A', '2'], { 'x-a': '2', 'x-b': '3', via: '1.1 gw' })
 * // ['X-B', '3', 'X-A', '2', 'Via', '1.1 gw']
 */
export function mergeIntoRaw (raw: readonly string[], fields: FieldRecord): string[] {
  const lines: string[] = []
  const seen = new Map<string, boolean>() // by name, whether all lines of it stay
  let received: FieldRecord | undefined // made where a field is not simply the line that it came as
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined // a field may be called `constructor`
    if (value === undefined) continue
    const stays = seen.get(name)
    if (stays === true || (stays === undefined && value === raw[i + 1])) lines.push(raw[i]!, raw[i + 1]!)
    if (stays !== undefined) continue
    const unchanged = value !== raw[i + 1] && isJoined(value, [(received ??= recordOf(raw))[name]!].flat())
    seen.set(name, unchanged)
    if (unchanged) lines.push(raw[i]!, raw[i + 1]!)
    else if (value !== raw[i + 1]) lines.push(...listOf({ [raw[i]!]: value }))
  }
  for (const name of Object.keys(fields)) {
    if (fields[name] !== undefined && !seen.has(name)) lines.push(...listOf({ [spelled(name)]: fields[name] }))
  }
  return lines
}

/** Node joins lines with a comma, those of Cookie with a semicolon; undici makes a list of them. */
function isJoined (value: string | string[], received: readonly string[]): boolean {
  if (Array.isArray(value)) return value.length === received.length && value.every((line, i) => line === received[i])
  return received.length > 1 && (value === received.join(', ') || value === received.join('; '))
}
