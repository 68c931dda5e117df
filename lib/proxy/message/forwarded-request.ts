import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { ClientLeft, LoopDetected } from '../../errors.js'
import { endToEnd } from '../../fields/hop-by-hop.js'
import { parseMaxForwards } from '../../fields/max-forwards.js'
import { viaNames } from '../../fields/via.js'
import { abort, wasReset } from '../../platform/abort.js'
import { guarded } from '../../platform/guarded.js'
import { announcesContent, streamOf } from '../../platform/message-state.js'
import type { Milliseconds } from '../../types.js'
import type { Allowance } from '../exchange/allowance.js'
import { upgradeOf } from './upgrade.js'

/**
 * The fields of a request that go on: what the client sent, in its order and case, less what ends
 * at this hop. Ours come behind, so that no `Connection` option of the client can remove what we
 * add.
 *
 * @param replaced - More fields that do not go on, in lower case, as what we put in their place.
 * @returns A flat raw list: name, value, name, value.
 */
export function requestFields (request: IncomingMessage, replaced: ReadonlySet<string>): string[] {
  const fields = endToEnd(request.rawHeaders, 'request', replaced)
  if (request.httpVersionMajor === 2) joinCookies(fields)
  if (request.headers['max-forwards'] !== undefined) countDown(fields, request.method!)
  return fields
}

/**
 * Refuses a request that has been here before.
 *
 * @param pseudonym - Our name in `Via`.
 * @throws {LoopDetected}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6 RFC 9110, 7.6}
 */
export function refuseLoop ({ headers: { via } }: IncomingMessage, pseudonym: string): void {
  if (via !== undefined && viaNames([via], pseudonym)) throw new LoopDetected()
}

/**
 * `Max-Forwards` counts for TRACE and OPTIONS alone (RFC 9110, 7.6.2); 0 has been answered before.
 */
function countDown (fields: string[], method: string): void {
  if (method !== 'TRACE' && method !== 'OPTIONS') return
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.toLowerCase() !== 'max-forwards') continue
    const left = parseMaxForwards(fields[i + 1])
    if (left !== undefined) fields[i + 1] = String(left - 1)
  }
}

/** HTTP/2 may split `Cookie` into several lines, HTTP/1.1 has one (RFC 9113, 8.2.3). */
function joinCookies (fields: string[]): void {
  let first = -1
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.toLowerCase() !== 'cookie') continue
    if (first === -1) {
      first = i + 1
    } else {
      fields[first] += `; ${fields[i + 1]}`
      fields.splice(i, 2)
      i -= 2
    }
  }
}

/** Counts what went through. */
export interface Tally {
  /** Content octets from the client. */
  bytesIn: number
  /** When the last of it went on, by `performance.now()`; `undefined` before. */
  endedAt?: Milliseconds
  /** Has to give leave for each octet. Left out: they all may go. */
  allowance?: Allowance
}

type MayBeHttp2 = IncomingMessage & { readonly stream?: { readonly endAfterHeaders: boolean } }

/**
 * The content of a request as undici takes it, of HTTP/2 as well; `null` when there is none. Read
 * only once the connection to the target stands, so a client that expects a 100 gets none before. A
 * failure towards the target leaves the request alone, since destroying it would cut the connection
 * the response has to go out on.
 *
 * What the reader leaves of it is read and dropped. Else an upstream that responds early, or fails,
 * would leave the client's connection stuck behind the rest of an upload (RFC 9112, 9.3).
 *
 * @param bodyTimeout - How long the client may send nothing while more is wanted; then its
 *   connection, or its stream, is cut. 0: as long as it likes.
 * @param body - Where this is a stream, it is the content: it had to be read before, and was kept.
 */
export function requestContent (
  request: MayBeHttp2, tally: Tally, bodyTimeout: Milliseconds, body?: unknown
): AsyncGenerator<Buffer> | null {
  if (upgradeOf(request) !== undefined) return null // what comes is of the other protocol
  if (body instanceof Readable) return content(request, body, tally, 0)
  // HTTP/2 frames its content, with or without a length; HTTP/1.1 says so in a field.
  const { stream } = request
  const hasContent = stream === undefined ? announcesContent(request) : !stream.endAfterHeaders
  return hasContent ? content(request, request, tally, bodyTimeout) : null
}

async function * content (
  request: IncomingMessage, source: Readable, tally: Tally, bodyTimeout: Milliseconds
): AsyncGenerator<Buffer> {
  let waiting = true
  const cut = guarded(() => { if (waiting) cutRequest(request) })
  const timer = bodyTimeout === 0 ? undefined : setTimeout(cut, bodyTimeout)
  try {
    for await (const chunk of source === request ? received(request) : source.iterator({ destroyOnReturn: false })) {
      waiting = false
      for (let rest: Buffer = chunk; rest.length > 0;) {
        const { allowance } = tally
        const octets = allowance === undefined ? rest.length : await allowance.take(rest.length)
        tally.bytesIn += octets
        yield octets === rest.length ? rest : rest.subarray(0, octets)
        rest = rest.subarray(octets)
      }
      waiting = true
      timer?.refresh()
    }
    tally.endedAt = performance.now()
  } finally {
    clearTimeout(timer)
    request.resume()
  }
}

/**
 * Node ends the content of a stream that was reset as if that were all of it.
 *
 * @quirk node-http2-reset-reads-as-end
 */
async function * received (request: IncomingMessage): AsyncGenerator<Buffer> {
  const stream = streamOf(request)
  try {
    yield * request.iterator({ destroyOnReturn: false })
  } catch (cause) {
    throw stream === undefined ? cause : new ClientLeft('end of its content', { cause })
  }
  if (stream !== undefined && wasReset(stream)) throw new ClientLeft('end of its content')
}

function cutRequest (request: IncomingMessage): void {
  const stream = streamOf(request)
  if (stream === undefined) request.destroy(new ClientLeft('end of its content'))
  else abort(stream)
}
