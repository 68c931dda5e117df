import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { AttemptRequest } from '../strategies/strategy.js'

/** What a view is made from: a node request, or anything like one. */
export interface RawRequest {
  readonly method?: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders?: readonly string[]
  readonly httpVersion: string
  readonly socket: Socket
}

/**
 * What a strategy sees in place of the request. All members are its own and enumerable, for
 * strategies that copy them. Writing to it changes nothing but this view, which ends with the
 * attempt.
 */
export interface RequestView extends AttemptRequest {
  readonly method: string
  /** The request-target as the client signed it. */
  readonly url: string
  readonly originalUrl: string
  readonly httpVersion: string
  /**
   * `authorization` is the proxy's. The rest are fields that carry no credentials, and those a
   * declaration names.
   */
  readonly headers: IncomingHttpHeaders
  readonly ip: string
  readonly socket: Socket
  readonly connection: Socket
  /** Empty: what the target or the body holds is for the origin. */
  readonly query: object
  readonly params: object
  readonly body: object
  /** The value of a field, in any case. */
  readonly get: (name: string) => string | string[] | undefined
  readonly header: (name: string) => string | string[] | undefined
}

/**
 * The fields every strategy sees. A list of what is known to be harmless, because what carries
 * credentials has no end: `x-api-key`, `dpop`, `sec-websocket-protocol`, whatever the origin made
 * up. Such a field is the origin's, unless a declaration says that it is ours, and then it is
 * stripped as well.
 */
const VISIBLE = new Set([
  'accept', 'accept-charset', 'accept-datetime', 'accept-encoding', 'accept-language', 'access-control-request-headers',
  'access-control-request-method', 'cache-control', 'connection', 'content-digest', 'content-disposition',
  'content-encoding', 'content-language', 'content-length', 'content-location', 'content-md5', 'content-type', 'date',
  'digest', 'dnt', 'expect', 'forwarded', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range',
  'if-unmodified-since', 'keep-alive', 'max-forwards', 'origin', 'pragma', 'prefer', 'priority', 'proxy-connection',
  'range', 'referer', 'repr-digest', 'sec-fetch-dest', 'sec-fetch-mode', 'sec-fetch-site', 'sec-fetch-user',
  'sec-gpc', 'te', 'traceparent', 'tracestate', 'trailer', 'transfer-encoding', 'upgrade', 'upgrade-insecure-requests',
  'user-agent', 'via', 'want-content-digest', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port',
  'x-forwarded-proto', 'x-request-id'
])

/**
 * Fields that no declaration may name: the origin's credentials, ours, and what frames the message.
 */
const RESERVED = new Set([
  'authorization', 'connection', 'content-length', 'cookie', 'host', 'proxy-authorization', 'te', 'trailer',
  'transfer-encoding', 'upgrade'
])

/**
 * Tells whether a declaration may read, and so have stripped, this field. The name in lower case.
 */
export function isReadable (name: string): boolean {
  return !RESERVED.has(name)
}

/**
 * Makes the view for one attempt.
 *
 * @param credentials - The value of `Proxy-Authorization`; `undefined`: the strategy sees no
 *   `authorization`.
 * @param url - The request-target as the client signed it.
 * @param ip - The address of the client.
 * @param reads - The other fields this strategy takes credentials from, in lower case.
 * @example
 * requestView(request.raw, 'Basic dTpw', request.raw.url, request.ip, []).headers.authorization
 * // 'Basic dTpw'
 */
export function requestView (
  raw: RawRequest, credentials: string | undefined, url: string, ip: string, reads: readonly string[]
): RequestView {
  const headers: IncomingHttpHeaders = {}
  const shown = raw.headers
  for (const name in shown) {
    if (VISIBLE.has(name) || (reads.length > 0 && reads.includes(name))) headers[name] = shown[name]
  }
  // HTTP/2 has the host in a pseudo-field, and strategies look for it here.
  const authority = shown[':authority']
  if (headers.host === undefined && typeof authority === 'string') headers.host = authority
  if (credentials !== undefined) headers.authorization = credentials
  return {
    method: raw.method ?? '',
    url,
    originalUrl: url,
    httpVersion: raw.httpVersion,
    headers,
    ip,
    socket: raw.socket,
    connection: raw.socket,
    query: {},
    params: {},
    body: {},
    get: field,
    header: field
  }
}

/**
 * Finds the lines of fields, as they came.
 *
 * @param names - In lower case.
 * @returns By name, those that are there. Over HTTP/2 the authority is the host.
 * @example
 * linesOf(request.raw, ['host', 'x-amz-date'])
 * // { host: ['origin.test'], 'x-amz-date': ['20150830T123600Z'] }
 */
export function linesOf (
  { rawHeaders = [] }: RawRequest, names: readonly string[]
): Readonly<Record<string, readonly string[]>> {
  const lines: Record<string, string[]> = Object.create(null)
  const wanted = new Set(names)
  let authority: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (wanted.has(name)) (lines[name] ??= []).push(rawHeaders[i + 1]!)
    else if (name === ':authority') authority = rawHeaders[i + 1]!
  }
  if (authority !== undefined && wanted.has('host')) lines['host'] ??= [authority]
  return lines
}

function field (this: RequestView, name: string): string | string[] | undefined {
  return this.headers[name.toLowerCase()]
}
