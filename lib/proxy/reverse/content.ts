import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Milliseconds } from '../../types.js'
import { requestContent } from '../message/request-content.js'
import type { Tally } from '../message/request-content.js'

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
