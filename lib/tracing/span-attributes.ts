import { isIPv6 } from 'node:net'
import type { Ending, ExchangeRecord } from '../proxy/exchange/record.js'
import type { SpanAttributes } from './opentelemetry.js'

// The names are those of OpenTelemetry's semantic conventions for HTTP servers, and ours for what
// these do not have.

/** Others are for clients to invent: a name of a span, and its method, take a few words only. */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE'])
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443 }

/** What a span is called: by the method, as there is no route. */
export function spanName ({ method }: Pick<ExchangeRecord, 'method'>): string {
  return METHODS.has(method) ? method : 'HTTP'
}

/** What a request says of itself. */
interface ToldOfRequest { readonly httpVersion: string, readonly client: string | undefined }

/** What is known at the start, so that a sampler can decide by it. */
export function startAttributes (
  record: ExchangeRecord, { httpVersion, client }: ToldOfRequest, namesUsers: boolean
): SpanAttributes {
  const { identity, form, method, path, target } = record
  // Set one by one: members behind a spread cost many times more.
  const attributes: SpanAttributes = {
    'http.request.method': METHODS.has(method) ? method : '_OTHER',
    'network.protocol.version': httpVersion === '2.0' ? '2' : httpVersion,
    'proxy_auth.form': form
  }
  if (!METHODS.has(method)) attributes['http.request.method_original'] = method
  addPlace(attributes, target)
  if (client !== undefined) attributes['client.address'] = client
  if (path !== undefined) addPath(attributes, path)
  if (identity !== null) {
    attributes['proxy_auth.scheme'] = identity.scheme ?? 'none'
    if (namesUsers) attributes['user.name'] = identity.name
  }
  return attributes
}

/** What is known at the end. */
export function endAttributes ({ parent }: ExchangeRecord, ending: Ending): SpanAttributes {
  const { status, bytesIn, bytesOut, reason } = ending
  const attributes: SpanAttributes = {
    'http.response.status_code': status,
    'proxy_auth.bytes_in': bytesIn,
    'proxy_auth.bytes_out': bytesOut
  }
  if (reason !== undefined) attributes['proxy_auth.reason'] = reason
  if (parent !== undefined) attributes['proxy_auth.parent'] = parent
  return attributes
}

/** How exchanges end that nothing is wrong with. */
const WANTED = new Set(['idle', 'expired', 'closing', 'revoked', 'forbidden', 'ended'])

/**
 * What failed, in a word; `undefined`: nothing. A refusal (4xx) is what a gateway is for. One that
 * is broken off is a failure but for tunnels, whose sides end them as they like.
 */
export function errorOf ({ form }: Pick<ExchangeRecord, 'form'>, { status, reason }: Ending): string | undefined {
  if (status >= 500) return reason ?? String(status)
  if (status >= 400 || reason === undefined || WANTED.has(reason)) return undefined
  return reason === 'aborted' && (form === 'connect' || form === 'websocket') ? undefined : reason
}

/** Where a target is: `host:port`, a URL, or what an upstream is called. */
function addPlace (attributes: SpanAttributes, target: string): void {
  const [, scheme, authority = target] = /^([a-z]+):\/\/([^/?#]*)/.exec(target) ?? []
  const [, host = authority, port] = /^(.*):(\d+)$/.exec(isIPv6(authority) ? '' : authority) ?? []
  const number = port === undefined ? DEFAULT_PORTS[scheme ?? ''] : Number(port)
  attributes['server.address'] = host.replace(/^\[(.*)\]$/, '$1')
  if (number !== undefined) attributes['server.port'] = number
  if (scheme !== undefined) attributes['url.scheme'] = scheme
}

function addPath (attributes: SpanAttributes, path: string): void {
  const query = path.indexOf('?')
  attributes['url.path'] = query === -1 ? path : path.slice(0, query)
  if (query !== -1) attributes['url.query'] = path.slice(query + 1)
}
