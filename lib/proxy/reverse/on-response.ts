import type { FastifyReply, FastifyRequest } from 'fastify'
import { UpstreamChallenged, UpstreamProtocol } from '../../errors.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { ADDED_FIELDS } from '../../fields/spelling.js'
import { streamOf } from '../../platform/message-stream.js'
import { spellFields } from '../../platform/http1/spell-fields.js'
import { dropForeignFields, sendOwn } from '../message/response-head.js'
import { http2Fields } from '../../fields/http2-fields.js'
import { isKept, keptFields, restoreFields } from '../message/reply-fields.js'
import type { ReverseExchange } from './exchange.js'
import { statusOf } from './response.js'
import type { UpstreamResponse } from './response.js'

/** `onResponse` of the options. */
export type OnResponse = (request: FastifyRequest, reply: FastifyReply, answer: UpstreamResponse) => void

/** What a payload that Fastify's hooks may have changed is framed by: as it is by then. */
const FRAMING = new Set(['content-type', 'content-length', 'content-encoding', 'transfer-encoding'])

/** The fields of a reply at the time the options' `onResponse` sent it. */
const sent = new WeakMap<FastifyReply, Record<string, unknown>>()

/**
 * Gives the answer to the options' own `onResponse`, which sends it through Fastify's reply. By then the reply has the
 * upstream's fields and what the options add, and no others.
 *
 * @param head - What @fastify/reply-from has put on the reply.
 * @param kept - What was on the reply before that, and stays.
 * @throws {UpstreamChallenged} It is a 407, which is not ours. {@link UpstreamProtocol} Its status is beyond 599.
 */
export function callOnResponse ({ request, reply }: ReverseExchange, answer: UpstreamResponse, head: FieldRecord, onResponse: OnResponse, kept: ReturnType<typeof keptFields>): void {
  const challenged = answer.statusCode === 407
  const isHttp2 = streamOf(reply.raw) !== undefined
  dropForeignFields(reply)
  for (const [name] of keptFields(reply)) reply.removeHeader(name)
  for (const name of Object.keys(head)) {
    reply.removeHeader(name)
    if (!challenged && head[name] !== undefined) reply.header(name, isHttp2 ? linesOf(name, head[name]) : head[name])
  }
  if (challenged) throw new UpstreamChallenged()
  restoreFields(reply, kept)
  if (statusOf(answer) > 599) throw new UpstreamProtocol() // Fastify has no such status
  const { send } = reply
  reply.send = payload => {
    const fields = Object.entries(reply.getHeaders())
    // Fastify appends to a list in place.
    sent.set(reply, Object.fromEntries(fields.map(([name, value]) => [name, Array.isArray(value) ? [...value] : value])))
    return send.call(reply, payload)
  }
  onResponse(request, reply, answer)
}

/** What Fastify cannot write goes into its own error response, and cannot be written there either. */
function linesOf (name: string, value: string | string[]): string | string[] | undefined {
  return Array.isArray(value) ? http2Fields(value.flatMap(line => [name, line]))[name] : value
}

/**
 * The `onSend` hook of reverse routes: what goes through Fastify's reply, which is our refusals and what the options'
 * `onResponse` sends, leaves without the fields that the application's hooks have put on it.
 */
export function dropForeignResponseFields (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: null, payload: unknown) => void): void {
  const fields = sent.get(reply)
  if (fields === undefined) return sendOwn(request, reply, payload, done)
  for (const name of Object.keys(reply.getHeaders())) {
    if (!FRAMING.has(name) && !isKept(reply, name)) reply.removeHeader(name)
  }
  for (const name of Object.keys(fields)) {
    if (!FRAMING.has(name) && !isKept(reply, name)) reply.header(name, fields[name])
  }
  spellFields(reply.raw, ADDED_FIELDS)
  done(null, payload)
}
