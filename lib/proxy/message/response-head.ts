import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { UpstreamProtocol } from '../../errors.js'
import { isExtendedConnect } from '../../fields/extended-connect.js'
import { OWN_FIELDS, spelled } from '../../fields/spelling.js'
import { streamOf } from '../../platform/message-state.js'
import { limitReading } from '../../platform/limit-reading.js'
import { spellFields } from '../../platform/http1/spell-fields.js'
import { http2Fields } from '../../fields/http2-fields.js'
import { finalTokenOf } from './final-token.js'
import { reasonPhrase } from '../../platform/reason-phrase.js'
import { addKeptFields, keptFields, restoreFields } from './reply-fields.js'

/** What the gate put on the reply for whatever answer comes: it goes out with the origin's head. */
const ON_EVERY_ANSWER = ['proxy-authentication-info', 'proxy-authenticate', 'proxy-support', 'authentication-info'] as const

/**
 * An `onSend` hook for proxy routes: responses of our own (407, 403, 502) leave without what the
 * application's hooks put on them, unless the route keeps it: cookies, CSP or CORS are for the
 * application's own pages, and a browser would take them for the origin's. A route's own hooks run
 * last, so nothing comes after it. A refusal has to be read in time.
 */
export function sendOwn (
  _request: unknown, reply: FastifyReply, payload: unknown, done: (error: null, payload: unknown) => void
): void {
  dropForeignFields(reply)
  if (reply.statusCode >= 400) limitReading(reply.raw)
  done(null, payload)
}

/** Takes off a reply what the application's hooks put on it, unless the route keeps it. */
export function dropForeignFields (reply: FastifyReply): void {
  const kept = keptFields(reply)
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (!OWN_FIELDS.has(name) || (name === 'cache-control' && value !== 'no-store')) reply.removeHeader(name)
  }
  dropRawFields(reply.raw)
  restoreFields(reply, kept)
  spellFields(reply.raw, OWN_FIELDS)
}

/**
 * Writes the head of a relayed answer past Fastify's reply, so that it is the origin's head plus
 * ours.
 *
 * @param fields - The origin's fields as a flat raw list, this hop's already removed.
 * @param reason - The origin's reason phrase as undici decoded it.
 * @throws {UpstreamProtocol} It is a success, and what the client would take it for is a tunnel:
 *   the upstream has overlooked the offer.
 */
export function writeRelayedHead (
  reply: FastifyReply, status: number, reason: string | undefined, fields: string[]
): void {
  if (status < 300 && isExtendedConnect(reply.request.raw)) throw new UpstreamProtocol()
  writeAnyHead(reply, status, reason, fields)
}

/**
 * As {@link writeRelayedHead}, for a tunnel that there is.
 *
 * @quirk node-refused-head-kept
 */
export function writeAnyHead (reply: FastifyReply, status: number, reason: string | undefined, fields: string[]): void {
  addGateFields(reply, fields)
  const { raw } = reply
  const touched = dropRawFields(raw)
  if (streamOf(raw) !== undefined) {
    writeHttp2Head(raw, status, fields)
  } else {
    try {
      // Throws for what cannot be written; hijacked, nothing would respond then.
      raw.writeHead(status, reasonPhrase(reason), (touched ? joined(fields) : fields) as string[])
    } catch (error) {
      raw.statusMessage = '' // it was set before it threw, and is the origin's
      throw error
    }
  }
  reply.hijack()
}

/**
 * Appends what the gate has put on the reply for any response, and what the application may add.
 */
export function addGateFields (reply: FastifyReply, fields: string[]): void {
  for (const name of ON_EVERY_ANSWER) {
    const value = reply.getHeader(name)
    if (value === undefined) continue
    for (const line of Array.isArray(value) ? value : [value]) fields.push(spelled(name), String(line))
  }
  const token = finalTokenOf(reply)
  if (token !== undefined) fields.push('WWW-Authenticate', token)
  addKeptFields(reply, fields)
}

/**
 * HTTP/2 has no reason phrase. What node refuses it keeps all the same, and would refuse the next
 * response of this stream for it, and the one that says so: outside any handler by then, so the
 * process would end.
 *
 * @quirk node-refused-head-kept
 * @quirk node-http2-no-content
 */
function writeHttp2Head (raw: ServerResponse, status: number, fields: readonly string[]): void {
  if (status > 599) throw new UpstreamProtocol() // node's HTTP/2 has none of those
  const lines = http2Fields(fields)
  if (status === 205) delete lines['content-length'] // node sends no content with it, and there should be none (RFC 9110, 15.3.6)
  try {
    raw.writeHead(status, lines)
  } catch (error) {
    dropRawFields(raw)
    throw error
  }
}

/**
 * Adds trailers to an answer whose end is still to come.
 *
 * @param fields - A flat raw list, this hop's fields removed.
 * @throws Node's error for a name or value that is none.
 * @quirk node-http2-trailers
 */
export function addTrailers (raw: ServerResponse, fields: readonly string[]): void {
  // Node's HTTP/2 takes no list, and what it refuses it refuses later, in an event of its own.
  if (streamOf(raw) !== undefined) return raw.addTrailers(http2Fields(fields) as never)
  const lines: Array<[string, string]> = []
  for (let i = 0; i < fields.length; i += 2) lines.push([fields[i]!, fields[i + 1]!])
  raw.addTrailers(lines)
}

/**
 * Takes off the raw response what a hook set there by `setHeader`, past Fastify.
 *
 * @quirk node-remove-date
 */
function dropRawFields (raw: ServerResponse): boolean {
  const names = raw.getHeaderNames()
  for (const name of names) raw.removeHeader(name)
  // To node's HTTP/2 removing `date` means to send none, and to keep the one that was set.
  if (streamOf(raw) !== undefined && raw.hasHeader('date')) raw.setHeader('date', new Date().toUTCString())
  raw.sendDate = true // removing `date` means more to node than that
  return names.length > 0
}

/**
 * The lines of each field together, as node wants them once `setHeader` was used: from then on the
 * last line of a field would replace those before it.
 *
 * @quirk node-write-head-list
 */
function joined (fields: readonly string[]): Array<string | string[]> {
  const lines = new Map<string, [name: string, values: string[]]>()
  for (let i = 0; i < fields.length; i += 2) {
    const key = fields[i]!.toLowerCase()
    const field = lines.get(key)
    if (field === undefined) lines.set(key, [fields[i]!, [fields[i + 1]!]])
    else field[1].push(fields[i + 1]!)
  }
  return [...lines.values()].flat()
}
