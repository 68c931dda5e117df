import type { FieldRecord } from '../fields/hop-by-hop.js'

/**
 * Writes fields as a flat raw list that differs from the one received only where the fields do: order, case and lines
 * stay, a changed value takes the place of the old one, what is new comes last. Records lose all that, and the
 * reverse routes have to pass through records, because the hooks of @fastify/http-proxy take them.
 *
 * @param raw - As received: names and values in turn.
 * @param fields - What is to be sent, by name in any case. `undefined` is no field.
 * @example
 * asReceived(['X-B', '1', 'X-A', '2'], { 'x-a': '2', 'x-b': '3', via: '1.1 gw' })
 * // ['X-B', '3', 'X-A', '2', 'via', '1.1 gw']
 */
export function asReceived (raw: readonly string[], fields: FieldRecord): string[] {
  const wanted = new Map<string, Wanted>()
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    if (value !== undefined) wanted.set(name.toLowerCase(), { name, value, received: [], written: false })
  }
  for (let i = 0; i < raw.length; i += 2) wanted.get(raw[i]!.toLowerCase())?.received.push(raw[i + 1]!)

  const lines: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const field = wanted.get(raw[i]!.toLowerCase())
    if (field === undefined) continue
    if (isUnchanged(field)) lines.push(raw[i]!, raw[i + 1]!)
    else if (!field.written) write(lines, raw[i]!, field.value)
    field.written = true
  }
  for (const { name, value, written } of wanted.values()) {
    if (!written) write(lines, name, value)
  }
  return lines
}

interface Wanted {
  readonly name: string
  readonly value: string | string[]
  readonly received: string[]
  written: boolean
}

/** Node joins lines with a comma, those of Cookie with a semicolon; undici makes a list of them. */
function isUnchanged ({ value, received }: Wanted): boolean {
  if (Array.isArray(value)) return value.length === received.length && value.every((line, i) => line === received[i])
  return value === received[0] ? received.length === 1 : value === received.join(', ') || value === received.join('; ')
}

/** Numbers come from @fastify/reply-from, as the length of content that it wrote. */
function write (lines: string[], name: string, value: string | string[]): void {
  for (const line of Array.isArray(value) ? value : [value]) lines.push(name, String(line))
}
