import type { IncomingMessage } from 'node:http'
import type { FieldRecord } from './hop-by-hop.js'

// Fields as a flat list of names and values in turn, as node's `rawHeaders` has them. It keeps
// order, case and lines, which an object of fields loses.

const kLength = Symbol('fastify-proxy-auth.received-length')
type Noted = Pick<IncomingMessage, 'rawHeaders'> & { [kLength]?: number }

/** Whether a list has a field. `name` is in lower case. */
export function hasField (fields: readonly string[], name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) if (isName(fields[i]!, name)) return true
  return false
}

/** The values of all lines of a field. `name` is in lower case. */
export function valuesOf (fields: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2) if (isName(fields[i]!, name)) values.push(fields[i + 1]!)
  return values
}

/** A list without the fields whose names `drops` says. */
export function withoutFields (fields: readonly string[], drops: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) if (!drops(fields[i]!)) kept.push(fields[i]!, fields[i + 1]!)
  return kept
}

/** The lines of a header section, without the empty one behind them. */
export function formatFields (fields: readonly string[]): string {
  let text = ''
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`
  return text
}

/** A list without a field, the same list where it has none. `name` is in lower case. */
export function withoutField (fields: string[], name: string): string[] {
  return hasField(fields, name) ? withoutFields(fields, (each) => isName(each, name)) : fields
}

/**
 * The fields of a list by their names in lower case; several lines of one are a list of their own.
 *
 * @example
 * recordOf(['X-A', '1', 'x-a', '2', 'X-B', '3']) // { 'x-a': ['1', '2'], 'x-b': '3' }
 */
export function recordOf (fields: readonly string[]): FieldRecord {
  const record: FieldRecord = Object.create(null)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!.toLowerCase()
    const line = fields[i + 1]!
    const before = record[name]
    if (before === undefined) record[name] = line
    else if (typeof before === 'string') record[name] = [before, line]
    else before.push(line)
  }
  return record
}

/**
 * The list of fields by name, with a line for each value. Some come as numbers, as the length of
 * content that a library has written.
 */
export function listOf (record: FieldRecord): string[] {
  const fields: string[] = []
  for (const name of Object.keys(record)) {
    const value = record[name] ?? []
    for (const line of Array.isArray(value) ? value : [value]) fields.push(name, String(line))
  }
  return fields
}

/**
 * Notes how long the raw list of a request is, before lines are taken out of it for the first time.
 */
export function noteLength (request: Noted): void {
  request[kLength] ??= request.rawHeaders.length
}

/** How long the raw list was as node handed it over: names and values, two of them a line. */
export function receivedLength (request: Noted): number {
  return request[kLength] ?? request.rawHeaders.length
}

// Most names are told apart by their length.
function isName (name: string, wanted: string): boolean {
  return name.length === wanted.length && name.toLowerCase() === wanted
}
