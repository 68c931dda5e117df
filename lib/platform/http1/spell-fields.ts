import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

const kWriteHead = Symbol('fastify-proxy-auth.write-head')
const kSpelling = Symbol('fastify-proxy-auth.spelling')

type Names = ReadonlyMap<string, string>
type FieldSpelling = ServerResponse & { [kWriteHead]?: ServerResponse['writeHead'], [kSpelling]?: Names }

/**
 * Has a response over HTTP/1.x spell some of its fields in their own way: Fastify makes all names
 * lower case. HTTP/2 has no other. The fields of a head that is given as a list have been spelt by
 * who made it.
 *
 * @param names - By lower-case name. Those of the last call hold.
 * @quirk fastify-lower-case
 */
export function spellFields (response: ServerResponse, names: Names): void {
  const spelling = response as FieldSpelling
  if ('stream' in response) return // of HTTP/2
  spelling[kSpelling] = names
  if (spelling[kWriteHead] !== undefined) return // another may have put its own in front of ours since
  spelling[kWriteHead] = response.writeHead
  response.writeHead = writeHead
}

/** One function for all, so that a response costs no closure. */
function writeHead (this: ServerResponse, status: number, ...rest: unknown[]): ServerResponse {
  const { [kSpelling]: names, [kWriteHead]: write } = this as Required<FieldSpelling>
  for (const name of this.getHeaderNames()) {
    const spelled = names.get(name)
    if (spelled !== undefined) this.setHeader(spelled, this.getHeader(name)!)
  }
  return write.call(this, status, ...rest.map((part) => isRecord(part) ? respelled(part, names) : part) as [])
}

/** Whether an argument of `writeHead` has fields by name. */
export function isRecord (part: unknown): part is OutgoingHttpHeaders {
  return typeof part === 'object' && part !== null && !Array.isArray(part)
}

function respelled (fields: OutgoingHttpHeaders, names: Names): OutgoingHttpHeaders {
  const spelled: OutgoingHttpHeaders = {}
  for (const name of Object.keys(fields)) spelled[names.get(name) ?? name] = fields[name]
  return spelled
}
