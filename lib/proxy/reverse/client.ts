import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { UpstreamBusy } from '../../errors.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import type { Milliseconds } from '../../types.js'
import { mergeIntoRaw } from './raw-fields.js'
import { Attempt } from '../upstream/attempt.js'
import type { Attempted, Sender } from '../upstream/attempt.js'
import { authenticatesConnection } from '../upstream/authenticates-connection.js'
import { IncomingResponse } from './incoming-response.js'
import type { ResponseHead } from './incoming-response.js'
import { writeInterim } from '../../platform/interim-response.js'
import { PinnedConnections } from '../upstream/pinned-connections.js'
import type { ReverseExchange } from './exchange.js'
import { protocolsOf } from '../message/upgrade.js'
import { requestContent } from '../message/upload.js'

/**
 * How many requests of a route may wait for a connection. Those whose clients have left are among them: undici finds that out when
 * it is their turn, and where no connection comes free, as behind an upstream that stalls, there would be no end of them.
 */
const MOST_WAITING = 10_000

const SENDABLE = /^\/[\x21-\xff]*$/

/** Where the head of a request says which exchange it belongs to; @fastify/reply-from copies symbols along. */
export const kExchange = Symbol('fastify-proxy-auth.exchange')

/** What @fastify/reply-from asks of its client. */
export interface OutgoingRequest {
  readonly origin: string
  readonly path: string
  readonly method: string
  readonly headers: FieldRecord & { [kExchange]?: ReverseExchange }
  readonly body: unknown
  readonly headersTimeout?: number
  readonly bodyTimeout?: number
}

/** What @fastify/reply-from takes for an instance of undici. */
export interface ReverseClient {
  request (outgoing: OutgoingRequest, done: (error: Error | null, head?: ResponseHead) => void): void
  destroy (): void
}

export interface ReverseClientOptions {
  /** Of the dispatcher, where a request has none of its own. 0, the default: none is known. */
  readonly headersTimeout?: Milliseconds | undefined
  /** Whether a request may be sent once more by `another` dispatcher. Default false. */
  readonly repeats?: boolean
  /** How many may wait for a connection. Default 10000. */
  readonly mostWaiting?: number
}

/**
 * The client of @fastify/reply-from over undici's `dispatch`: passes on what `request` would lose, which is the form of
 * the fields, content of any method, interim answers and trailers.
 *
 * @param another - Makes another dispatcher like this one, for a client connection of its own. Without it, what authenticates a
 *   connection gets one for itself alone, so no handshake of several legs gets through.
 */
export function createReverseClient (dispatcher: Pick<Dispatcher, 'dispatch' | 'destroy'>, another?: () => Dispatcher, { headersTimeout: usual = 0, repeats = false, mostWaiting = MOST_WAITING }: ReverseClientOptions = {}): ReverseClient {
  const pins = new PinnedConnections()
  let waiting = 0
  const sender: Omit<Sender<Sent>, 'headersTimeout'> = {
    again ({ options }, attempt) {
      const alone = another!()
      alone.dispatch({ ...options, reset: true }, attempt)
      alone.close() // when that is over
    },
    ended () {},
    begun () { waiting -= 1 }
  }
  const usualSender = { ...sender, headersTimeout: usual }
  const form = dispatcher instanceof Agent ? (fields: string[]) => fields : grouped
  return {
    request ({ origin, path, method, headers, body, headersTimeout, bodyTimeout }, done) {
      if (waiting >= mostWaiting) return done(new UpstreamBusy())
      const exchange = headers[kExchange]!
      const { reply, source, rules: { via }, request: { raw } } = exchange
      const answer = new IncomingResponse({
        interim: (status, reason, received) => writeInterim(reply, status, reason, received, via),
        switch: switched => exchange.switch(switched),
        settle: done
      })
      exchange.take(answer)
      const fields = mergeIntoRaw(raw.rawHeaders, headers)
      const protocols = protocolsOf(raw)
      const authenticates = authenticatesConnection(fields)
      const requester = { raw, name: exchange.request.proxyAuth?.name ?? '' }
      const pinned = another === undefined ? authenticates ? null : undefined : pins.find(requester, origin, authenticates, another)
      const content = contentFor(body, exchange)
      const options: Dispatcher.DispatchOptions = {
        origin,
        path: pathAsWritten(path, source),
        method: method as Dispatcher.HttpMethod,
        headers: form(fields),
        ...(pinned === null && { reset: true }),
        ...(protocols !== undefined && { upgrade: protocols.join(', ') }),
        body: content as Dispatcher.DispatchOptions['body'],
        ...(headersTimeout !== undefined && { headersTimeout }),
        ...(bodyTimeout !== undefined && { bodyTimeout })
      }
      const sent = { method, content, tally: body === '' && content !== null ? exchange.tally : undefined, options }
      const by = headersTimeout === undefined ? usualSender : { ...sender, headersTimeout }
      waiting += 1
      ;(pinned ?? dispatcher).dispatch(options, new Attempt(answer, by, sent, repeats && pinned === undefined))
    },
    destroy () {
      dispatcher.destroy()
      pins.close()
    }
  }
}

/** A request that has been sent. */
interface Sent extends Attempted { readonly options: Dispatcher.DispatchOptions }

/** As an object, since of a list undici's ProxyAgent keeps one line of each name. */
function grouped (fields: readonly string[]): Record<string, string | string[]> {
  const lines: Record<string, string | string[]> = Object.create(null)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const line = fields[i + 1]!
    const before = lines[name]
    if (before === undefined) lines[name] = line
    else if (typeof before === 'string') lines[name] = [before, line]
    else before.push(line)
  }
  return lines
}

/** The client's own content, unless the options gave another, or Fastify has read it. */
function contentFor (body: unknown, { request: { raw }, kept, tally, rules: { patience } }: ReverseExchange): unknown {
  if (body !== '') return body ?? null
  return raw.readableDidRead && kept === undefined ? null : requestContent(raw, tally, patience, kept)
}

/**
 * The path as the client wrote it. A URL object writes some characters in another way, which is not a proxy's to do
 * (RFC 9110, 7.7); what else it changes, dot segments and backslashes, stays changed.
 */
function pathAsWritten (path: string, source: string): string {
  const query = path.indexOf('?')
  const written = path.slice(0, query === -1 ? path.length : query)
  const wanted = source.split('?', 1)[0]!
  if (wanted === written || !SENDABLE.test(wanted) || decodeURIComponent(written) !== decodeURIComponent(wanted)) return path
  return query === -1 ? wanted : wanted + path.slice(query)
}
