import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** A head that was given to `writeHead`, in the shape it was given in. */
export interface ChangeableHead {
  readonly status: number
  /** The reason phrase as an argument, if there was one. */
  readonly reason: readonly string[]
  /** Names and values in turn, or by name. A value may be several lines. */
  readonly fields: OutgoingHttpHeaders | OutgoingHttpHeader[]
  /** Has the fields that were set one by one. */
  readonly response: ServerResponse
}

/** What becomes of a line: another one, or `undefined` for none. The name in lower case. */
export type ChangeLine = (name: string, line: OutgoingHttpHeader) => OutgoingHttpHeader | undefined

/** Reads the arguments of `writeHead` behind the status. */
export function readHead (response: ServerResponse, status: number, rest: readonly unknown[]): ChangeableHead {
  const [first, second] = rest
  const reason = typeof first === 'string' ? [first] : []
  return { status, reason, fields: (second ?? (typeof first === 'string' ? undefined : first) ?? {}) as ChangeableHead['fields'], response }
}

/** The lines of a field, those set one by one first. */
export function linesOf ({ fields, response }: ChangeableHead, wanted: string): string[] {
  const lines: OutgoingHttpHeader[] = [response.getHeader(wanted) ?? []]
  each(fields, (name, value) => { if (name.toLowerCase() === wanted) lines.push(value) })
  return lines.flat().map(String)
}

/**
 * Changes a head before it is written: the fields that were set one by one in their place, the
 * others in what is returned, which has the shape that was given.
 *
 * @param added - Fields that it gets beside those.
 */
export function changeFields ({ fields, response }: ChangeableHead, change: ChangeLine, added: Readonly<Record<string, string>>): ChangeableHead['fields'] {
  for (const name of response.getHeaderNames()) {
    const value = response.getHeader(name)!
    const changed = changeLines(name, value, change)
    if (changed === undefined) response.removeHeader(name)
    else if (changed !== value) response.setHeader(name, changed)
  }
  const list: OutgoingHttpHeader[] = []
  each(fields, (name, value) => {
    const changed = changeLines(name.toLowerCase(), value, change)
    if (changed !== undefined) list.push(name, changed)
  })
  list.push(...Object.entries(added).flat())
  return Array.isArray(fields) ? list : byName(list)
}

function changeLines (name: string, value: OutgoingHttpHeader, change: ChangeLine): OutgoingHttpHeader | undefined {
  if (!Array.isArray(value)) return change(name, value)
  const lines = value.flatMap((line) => change(name, line) ?? []).map(String)
  if (lines.length === 0) return undefined
  return lines.length === value.length && lines.every((line, i) => line === value[i]) ? value : lines
}

function each (fields: ChangeableHead['fields'], visit: (name: string, value: OutgoingHttpHeader) => void): void {
  const list = Array.isArray(fields) ? fields : Object.entries(fields).flat() as OutgoingHttpHeader[]
  for (let i = 0; i < list.length; i += 2) visit(String(list[i]), list[i + 1]!)
}

function byName (list: readonly OutgoingHttpHeader[]): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = {}
  for (let i = 0; i < list.length; i += 2) fields[String(list[i])] = list[i + 1]
  return fields
}
