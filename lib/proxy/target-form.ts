import type { IncomingMessage } from 'node:http'
import { BadRequest } from '../errors.js'
import { parseTarget, withoutUserinfo } from '../fields/target.js'
import type { Target } from '../fields/target.js'
import { wasGivenBack } from './given-back.js'
import { malformation } from './malformed.js'

/** The request-target as it was received, parsed once; `failure` when the request is none that a proxy may serve. */
export type Received =
  | { readonly target: Target, readonly failure: null }
  | { readonly target: null, readonly failure: Error }

const kReceived = Symbol('fastify-proxy-auth.received')
type Marked = IncomingMessage & { [kReceived]?: Received }

/** Connections on which a message was malformed: what follows may be its content (RFC 9112, 6.3). */
const broken = new WeakSet<object>()

/** Name of the router constraint that parts proxy requests from the application's own. */
export const TARGET_FORM = 'targetForm'

/**
 * Checks a request in absolute-form or authority-form and parses its target, before the router or a log sees it.
 *
 * What it changes on the request, and why:
 * - `url` and, of what is refused, `Host` lose userinfo, which would be logged otherwise. Where the router would refuse it before any hook, it is
 *   escaped until the router does not; `originalUrl`, which Fastify shows by that name, is then as received.
 * - `accept-version` is hidden from the router, which would look for a versioned route. The raw fields keep it.
 *
 * @returns `undefined` for origin-form and `OPTIONS *`: not a request to be proxied. On a connection given back after a refused
 *   CONNECT it is a failure: the bytes were meant for a tunnel, and must not speak for the client. So is all that is
 *   pipelined behind a malformed message.
 */
export function receive (request: IncomingMessage): Received | undefined {
  const marked = request as Marked
  if (marked[kReceived] !== undefined) return marked[kReceived]
  const url = request.url!
  const own = request.method !== 'CONNECT' && (url.charCodeAt(0) === 47 || (url === '*' && request.method === 'OPTIONS'))
  const behind = broken.has(request.socket)
  if (own && !behind && !wasGivenBack(request)) return undefined
  try {
    if (behind) throw new BadRequest('it is behind a malformed one')
    if (own) throw new BadRequest('origin-form on the connection of a proxy')
    const target = parseTarget(request.method!, url)
    const failure = malformation(request)
    if (failure !== null) throw failure
    marked[kReceived] = { target, failure }
  } catch (failure) {
    marked[kReceived] = { target: null, failure: failure as Error }
    request.url = withoutUserinfo(url)
    const { host } = request.headers
    if (host !== undefined) request.headers.host = withoutUserinfo(host)
    if (request.httpVersionMajor === 1) broken.add(request.socket)
  }
  const received = request.url!
  request.url = routable(received, marked[kReceived].failure !== null)
  if (request.url !== received) (request as { originalUrl?: string }).originalUrl = received
  delete request.headers['accept-version']
  return marked[kReceived]
}

/**
 * The router constraint. `mustMatchWhenDerived`: a request for which it derives a value never falls through to a
 * route without it, so `GET http://host/admin` cannot become the application's own `/admin` (RFC 9112, 3.3).
 *
 * @param bringIn - {@link receive}, and what has to come before it.
 */
export function targetFormConstraint (bringIn: (request: IncomingMessage) => Received | undefined = receive) {
  return {
    name: TARGET_FORM,
    storage () {
      const handlers = new Map<string, unknown>()
      return {
        get: (form: string) => handlers.get(form) ?? null,
        set: (form: string, handler: unknown) => { handlers.set(form, handler) }
      }
    },
    validate () {},
    deriveConstraint: (request: IncomingMessage) => bringIn(request) === undefined ? undefined : 'proxy',
    mustMatchWhenDerived: true
  }
}

/** The url as the router takes it: any but a good absolute one loses its `://`, a path that does not decode its `%`. */
function routable (url: string, failed: boolean): string {
  const taken = url.includes('://') && (failed || !URL.canParse(url)) ? url.replace('://', ':%2F%2F') : url
  const query = taken.indexOf('?')
  const path = query === -1 ? taken : taken.slice(0, query)
  if (!path.includes('%')) return taken
  try {
    decodeURI(path)
    return taken
  } catch {
    return path.replaceAll('%', '%25') + taken.slice(path.length)
  }
}
