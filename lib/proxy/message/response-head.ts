import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { UpstreamProtocol } from '../../errors.js'
import { isExtendedConnect } from '../../fields/extended-connect.js'
import { http2Fields } from '../../fields/http2-fields.js'
import { spelled } from '../../fields/spelling.js'
import { streamOf } from '../../platform/message-state.js'
import { reasonPhrase } from '../../platform/write-response.js'
import type { Hook } from '../../platform/hook.js'

/** What the gate put on the reply for whatever answer comes: it goes out with the origin's head. */
const ON_EVERY_ANSWER = ['proxy-authentication-info', 'proxy-authenticate', 'proxy-support', 'authentication-info'] as const

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
  if (status < 300 && streamOf(reply.raw) !== undefined && isExtendedConnect(reply.request.raw)) {
    throw new UpstreamProtocol()
  }
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
  const { [kToken]: token } = reply as ReplyWithToken
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
export function dropRawFields (raw: ServerResponse): boolean {
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

const CHALLENGES = 'www-authenticate'
const kToken = Symbol('fastify-proxy-auth.last-token')
type ReplyWithToken = FastifyReply & { [kToken]?: string }

/**
 * The gate's hook for a route that is an origin: what it leaves in the field of the challenges when
 * it lets in, the last token of a handshake, is told from what the application's hooks put there
 * for pages of the application. It goes out with the response of the upstream, whatever that is.
 */
export function keepingFinalToken (authenticate: Hook): Hook {
  return (request, reply, done) => {
    reply.removeHeader(CHALLENGES)
    authenticate(request, reply, (error) => {
      const token = reply.getHeader(CHALLENGES)
      if (typeof token === 'string') (reply as ReplyWithToken)[kToken] = token // a list is the challenges of a refusal
      done(error)
    })
  }
}

/** Whether a field, by its name in lower case, is one that the application may add. */
export type KeepsField = (name: string) => boolean

/**
 * Fields whose lines go out beside those of the upstream; of all others the application's take
 * their place.
 */
const BESIDE = new Set(['set-cookie', 'vary'])

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
function addKeptFields (reply: FastifyReply, fields: string[]): void {
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
