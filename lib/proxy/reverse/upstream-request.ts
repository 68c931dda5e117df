import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { HOP_BY_HOP_REQUEST } from '../../fields/hop-by-hop.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { mergeIntoRaw } from '../../fields/merge-into-raw.js'
import { recordOf } from '../../fields/raw-list.js'
import { formatVia, viaByVersion } from '../../fields/via.js'
import type { Milliseconds } from '../../types.js'
import { tellIdentity } from '../message/identity-field.js'
import type { RouteIdentity } from '../message/identity-field.js'
import { requestContent, requestFields } from '../message/forwarded-request.js'
import type { Tally } from '../message/forwarded-request.js'
import { addForwardedFields } from './forwarded-fields.js'

/** `rewriteRequestHeaders` of the options. */
export type RewriteRequest = (request: FastifyRequest, headers: FieldRecord) => FieldRecord

/** What of a route concerns the heads of its requests. */
export interface RequestHeadRules {
  /** Our name in `Via`. */
  readonly pseudonym: string
  /** Whether to tell the upstream who asked. */
  readonly forwarded: boolean
  /**
   * Fields that end here beside those that always do, in lower case: `authorization` where it is
   * ours.
   */
  readonly consumed: ReadonlySet<string>
  /** What tells the upstream who the proxy user is. */
  readonly identity: RouteIdentity
}

/**
 * Makes the function that makes the heads of a route's requests: what ends at this hop removed,
 * ours added, then the options' word, then the credentials removed again, since rewriting is often
 * copying everything. The client's `Connection` takes effect first, so it cannot remove what we add
 * (CVE-2026-33805).
 */
export function createRequestHead ({ pseudonym, forwarded, consumed, identity }: RequestHeadRules) {
  const replaced = new Set([...consumed, 'host'])
  const replacedWithContent = new Set([...replaced, 'content-length', 'content-type'])
  const via = viaByVersion(pseudonym)
  const hasIdentities = identity.all.length > 0

  /**
   * @param content - Fields of content that is not the client's own, a flat raw list.
   * @param rewrite - The options' function, if there is one.
   * @returns A flat raw list.
   */
  return function requestHead (
    request: FastifyRequest, host: string, content: readonly string[] | undefined, rewrite: RewriteRequest | undefined
  ): string[] {
    const { raw } = request
    let fields = requestFields(raw, content === undefined ? replaced : replacedWithContent)
    fields.push('Host', host)
    if (content !== undefined) fields.push(...content)
    if (forwarded) fields = addForwardedFields(fields, request)
    if (hasIdentities) fields = tellIdentity(fields, request, identity)
    if (rewrite !== undefined) {
      const before = rewritable(fields, raw.headers)
      const came = before.via === undefined ? {} : { via: before.via } // the function may change what it gets
      fields = mergeIntoRaw(fields, { ...lasting(rewrite(request, before)), ...came })
      if (hasIdentities) fields = tellIdentity(fields, request, identity)
    }
    fields.push('Via', via[raw.httpVersion] ?? formatVia(raw.httpVersion, pseudonym))
    return fields
  }
}

/** Fields for the options' function, several lines of one as node has them. */
function rewritable (fields: readonly string[], headers: IncomingHttpHeaders): FieldRecord {
  const record = { ...recordOf(fields) }
  for (const name of Object.keys(record)) if (Array.isArray(record[name])) record[name] = headers[name]
  return record
}

/**
 * What may go on of a head that was rewritten: `te` too, if the options say so (gRPC wants it), and
 * `authorization`, with which the gateway logs in at the upstream: the client's own credentials are
 * gone from the request, so they cannot be it. Names in lower case.
 */
export function lasting (head: FieldRecord): FieldRecord {
  const kept: FieldRecord = Object.create(null)
  for (const name of Object.keys(head)) {
    const usual = name.toLowerCase()
    if (usual === 'te' || !(HOP_BY_HOP_REQUEST.has(usual) || usual === 'via')) kept[usual] = head[name]
  }
  return kept
}

/** The content for an upstream. */
export interface ReverseContent {
  readonly body: AsyncIterable<Buffer> | Buffer | null
  /** What describes it, a flat raw list, where it is not the client's own. */
  readonly fields?: readonly string[]
}

/** What of the options of a call concerns the content. */
export interface ContentOptions {
  readonly body?: unknown
  readonly contentType?: string
}

const NO_CONTENT: ReverseContent = { body: null }

/**
 * The content of a request for its upstream: what the options give, what Fastify has parsed,
 * written once more, or as it comes.
 *
 * @param tally - Counts what comes from the client.
 * @param bodyTimeout - How long the client may send nothing while more is wanted. 0: as long as it
 *   likes.
 * @param encodes - The content types that are written as JSON.
 * @throws {Error} The options give some to a method that has none, or what Fastify has parsed
 *   cannot be written.
 */
export function reverseContent (
  request: FastifyRequest, options: ContentOptions, tally: Tally, bodyTimeout: Milliseconds,
  encodes: ReadonlySet<string>
): ReverseContent {
  const { raw, body } = request
  if (options.body !== undefined) return givenContent(options, request.method)
  if (body && !(body instanceof Readable)) {
    const type = raw.headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase() ?? 'application/octet-stream'
    return described(encodes.has(type) ? JSON.stringify(body) : body as string | Uint8Array, type)
  }
  // Fastify has read it, and there was nothing in it.
  if (raw.readableDidRead && !(body instanceof Readable)) return NO_CONTENT
  return { body: requestContent(raw, tally, bodyTimeout, body) }
}

function givenContent ({ body, contentType }: ContentOptions, method: string): ReverseContent {
  if (body === null) return { body: null, fields: ['Content-Length', '0'] }
  if (method === 'GET' || method === 'HEAD') throw new Error(`a ${method} has no content that could be rewritten`)
  if (typeof (body as Partial<Readable>).pipe === 'function') throw new Error('a stream cannot be sent in the place of the content')
  return described(contentType === undefined ? JSON.stringify(body) : body as string | Uint8Array, contentType ?? 'application/json')
}

function described (content: string | Uint8Array, type: string): ReverseContent {
  const body = Buffer.from(content as string)
  return { body, fields: ['Content-Length', String(body.length), 'Content-Type', type] }
}
