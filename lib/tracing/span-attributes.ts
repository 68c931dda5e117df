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
  const [pathOnly, ...query] = path?.split('?') ?? []
  return {
    'http.request.method': METHODS.has(method) ? method : '_OTHER',
    ...(!METHODS.has(method) && { 'http.request.method_original': method }),
    ...placeOf(target),
    'network.protocol.version': httpVersion === '2.0' ? '2' : httpVersion,
    ...(client !== undefined && { 'client.address': client }),
    ...(pathOnly !== undefined && { 'url.path': pathOnly }),
    ...(query.length > 0 && { 'url.query': query.join('?') }),
    ...(namesUsers && identity !== null && { 'user.name': identity.name }),
    ...(identity !== null && { 'proxy_auth.scheme': identity.scheme ?? 'none' }),
    'proxy_auth.form': form
  }
}

/** What is known at the end. */
export function endAttributes ({ parent }: ExchangeRecord, ending: Ending): SpanAttributes {
  const { status, bytesIn, bytesOut, reason } = ending
  return {
    'http.response.status_code': status,
    'proxy_auth.bytes_in': bytesIn,
    'proxy_auth.bytes_out': bytesOut,
    ...(reason !== undefined && { 'proxy_auth.reason': reason }),
    ...(parent !== undefined && { 'proxy_auth.parent': parent })
  }
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
function placeOf (target: string): SpanAttributes {
  const [, scheme, authority = target] = /^([a-z]+):\/\/([^/?#]*)/.exec(target) ?? []
  const [, host = authority, port] = /^(.*):(\d+)$/.exec(isIPv6(authority) ? '' : authority) ?? []
  const number = port === undefined ? DEFAULT_PORTS[scheme ?? ''] : Number(port)
  return {
    'server.address': host.replace(/^\[(.*)\]$/, '$1'),
    ...(number !== undefined && { 'server.port': number }),
    ...(scheme !== undefined && { 'url.scheme': scheme })
  }
}
