import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeft, UpstreamProtocol } from '../../errors.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { http2Fields } from '../../fields/http2-fields.js'
import { recordOf } from '../../fields/raw-list.js'
import { ADDED_FIELDS } from '../../fields/spelling.js'
import { on } from '../../platform/guarded.js'
import { spellFields } from '../../platform/http1/spell-fields.js'
import { streamOf } from '../../platform/message-state.js'
import { dropForeignFields, sendOwn } from '../message/own-response.js'
import { isKept, keptFields, restoreFields } from '../message/response-head.js'
import type { ContentSource, ResponseSink } from '../message/response-writer.js'

/** `onResponse` of the options. */
export type OnResponse = (
  request: FastifyRequest, reply: FastifyReply,
  response: { statusCode: number, headers: FieldRecord, stream: Readable }
) => void

/** What a payload that Fastify's hooks may have changed is framed by: as it is by then. */
const FRAMING = new Set(['content-type', 'content-length', 'content-encoding', 'transfer-encoding'])

/** The fields of a reply at the time the options' `onResponse` sent it. */
const sent = new WeakMap<FastifyReply, Record<string, unknown>>()

/** The content of a response, with what of node's IncomingMessage the options may look at. */
class ResponseStream extends Readable {
  rawTrailers: string[] = []

  constructor (
    readonly statusCode: number,
    readonly statusMessage: string | undefined,
    readonly rawHeaders: string[],
    private readonly source: ContentSource
  ) {
    super()
    // It may fail when the options listen no more, or not yet; that must not end the process.
    on(this, 'error', () => {})
  }

  override _read (): void { this.source.resume() }

  override _destroy (error: Error | null, done: (error: Error | null) => void): void {
    if (!this.readableEnded) this.source.abort(error ?? new ClientLeft('response'))
    done(error)
  }
}

/**
 * Hands the response of an upstream to the options' own `onResponse`, which sends it through
 * Fastify's reply. By then the reply has the upstream's fields and what the options add, and no
 * others.
 */
export class HandedResponse implements ResponseSink {
  bytesOut = 0
  private stream: ResponseStream | undefined

  constructor (
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly onResponse: OnResponse
  ) {}

  /** @throws {UpstreamProtocol} Fastify has no such status. */
  head (status: number, reason: string | undefined, fields: string[], source: ContentSource): boolean {
    const { request, reply, onResponse } = this
    if (status > 599) throw new UpstreamProtocol()
    const headers = recordOf(fields)
    delete headers['trailer'] // a reply of Fastify's has lost them
    replaceFields(reply, headers)
    reply.code(status)
    rememberFields(reply)
    this.stream = new ResponseStream(status, reason, fields, source)
    try {
      onResponse(request, reply, { statusCode: status, headers, stream: this.stream })
      return false
    } catch (failure) {
      if (!reply.sent) reply.code(500).send(failure)
      return true
    }
  }

  data (chunk: Buffer, source: ContentSource): void {
    this.bytesOut += chunk.length
    if (!this.stream!.push(chunk)) source.pause()
  }

  end (trailers: string[]): void {
    this.stream!.rawTrailers = trailers
    this.stream!.push(null)
  }

  fail (failure: Error): void {
    this.stream!.destroy(failure)
  }
}

/**
 * Puts the fields of an upstream on a reply, in the place of all but those that the route keeps.
 */
function replaceFields (reply: FastifyReply, headers: FieldRecord): void {
  const kept = keptFields(reply)
  const isHttp2 = streamOf(reply.raw) !== undefined
  dropForeignFields(reply)
  for (const [name] of keptFields(reply)) reply.removeHeader(name)
  for (const name of Object.keys(headers)) {
    reply.removeHeader(name)
    reply.header(name, isHttp2 ? linesOf(name, headers[name]) : headers[name])
  }
  restoreFields(reply, kept)
}

/** Remembers the fields that a reply has when the options send it. */
function rememberFields (reply: FastifyReply): void {
  const { send } = reply
  reply.send = (payload) => {
    const fields = Object.entries(reply.getHeaders())
    // Fastify appends to a list in place.
    sent.set(reply, Object.fromEntries(
      fields.map(([name, value]) => [name, Array.isArray(value) ? [...value] : value])
    ))
    return send.call(reply, payload)
  }
}

/**
 * What Fastify cannot write goes into its own error response, and cannot be written there either.
 */
function linesOf (name: string, value: string | string[] | undefined): string | string[] | undefined {
  return Array.isArray(value) ? http2Fields(value.flatMap((line) => [name, line]))[name] : value
}

/**
 * The `onSend` hook of reverse routes: what goes through Fastify's reply, which is our refusals and
 * what the options' `onResponse` sends, leaves without the fields that the application's hooks have
 * put on it.
 */
export function dropForeignResponseFields (
  request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: null, payload: unknown) => void
): void {
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
