import { validateHeaderName, validateHeaderValue } from 'node:http'

/** The lines of each field, by its name in lower case. */
export type Http2Fields = Record<string, string[]>

/**
 * What HTTP/2 has no such fields for: they are about a connection of HTTP/1.x (RFC 9113, 8.2.2).
 */
const OF_CONNECTIONS = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'http2-settings', 'te'])

/**
 * Fields that node takes for single, and whose value is a list all the same: their lines are one
 * (RFC 9110, 5.3).
 */
const LISTS = new Set(['content-encoding', 'content-language', 'if-match', 'if-none-match'])

/** The other fields that node takes for single. It throws for a head with a second line of one. */
const SINGLE = new Set([
  'access-control-allow-credentials', 'access-control-max-age', 'access-control-request-method', 'age', 'authorization',
  'content-length', 'content-location', 'content-md5', 'content-range', 'content-type', 'date', 'dnt', 'etag', 'expires',
  'from', 'host', 'if-modified-since', 'if-range', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards',
  'proxy-authorization', 'range', 'referer', 'retry-after', 'tk', 'upgrade-insecure-requests', 'user-agent',
  'x-content-type-options'
])

/**
 * Makes of fields what node's HTTP/2 can write. An origin of HTTP/1.x may send what HTTP/2 knows no
 * form of, and node finds that out in the midst of writing: what it has taken in by then would be
 * in every response after it.
 *
 * Of a field that has one value the first line stays, as with node's own client. What is about a
 * connection is dropped.
 *
 * @param fields - A flat raw list.
 * @throws node's `ERR_INVALID_HTTP_TOKEN` or `ERR_INVALID_CHAR`: a name (a pseudo-header field's,
 *   too) or value is none.
 * @example
 * http2Fields(['Date', 'a', 'X-A', '1', 'date', 'b', 'x-a', '2'])
 * // { date: ['a'], 'x-a': ['1', '2'] }
 */
export function http2Fields (fields: readonly string[]): Http2Fields {
  const made: Http2Fields = Object.create(null)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!.toLowerCase()
    const line = fields[i + 1]!
    validateHeaderName(name)
    validateHeaderValue(name, line)
    if (OF_CONNECTIONS.has(name)) continue
    const before = made[name]
    if (before === undefined) made[name] = [line]
    else if (LISTS.has(name)) before[0] += `, ${line}`
    else if (!SINGLE.has(name)) before.push(line)
  }
  return made
}
