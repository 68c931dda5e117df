/** What is signed of a request. */
export interface SignedRequest {
  /** As received, in its case. */
  readonly method: string
  /** As received, without the query. One char per octet, as everything here. */
  readonly path: string
  /** As received, without `?`. */
  readonly query: string
  /** Names in lower case with the values of all their lines, in the order that is signed. */
  readonly fields: ReadonlyArray<readonly [name: string, lines: readonly string[]]>
  /** The hash of the content in hex, or what stands in its place. */
  readonly payload: string
}

/** Bytes that are never escaped. */
const UNRESERVED = /[^A-Za-z0-9\-._~]/g
const ESCAPED = /%[0-9A-Fa-f]{2}/g
const SPACES = /[ \t]+/g

/**
 * Puts together the text that a signature is over.
 *
 *     canonical-request = method LF path LF query LF *( name ":" value LF ) LF
 *                         name *( ";" name ) LF payload
 *
 * @param escapePath - Whether the path counts without empty and dot segments, and escaped once
 *   more, as for every service but S3; else it counts as received.
 * @see
 *   {@link https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html Create a signed request}
 * @example
 * canonicalRequest({
 *   method: 'GET', path: '/', query: '', fields: [['host', ['a.test']]], payload: sha256('')
 * }, true)
 */
export function canonicalRequest (
  { method, path, query, fields, payload }: SignedRequest, escapePath: boolean
): string {
  return [
    method,
    escapePath ? canonicalPath(path) : path,
    canonicalQuery(query),
    ...fields.map(([name, lines]) => `${name}:${lines.map(canonicalValue).join(',')}`),
    '',
    fields.map(([name]) => name).join(';'),
    payload
  ].join('\n')
}

/**
 * The path without empty and dot segments, each octet escaped that is not unreserved: an escape
 * gets escaped again.
 *
 * @example
 * canonicalPath('/a//./b/../c%20d/') // '/a/c%2520d/'
 */
export function canonicalPath (path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(escape(segment))
  }
  const end = kept.length > 0 && path.endsWith('/') ? '/' : ''
  return `/${kept.join('/')}${end}`
}

/**
 * The query with its parameters sorted, each octet of their names and values that is not unreserved
 * escaped, whatever was escaped before. A `+` is itself and no space.
 *
 * @example
 * canonicalQuery('b=2&a=%7e&a=+') // 'a=%2B&a=~&b=2'
 */
export function canonicalQuery (query: string): string {
  const params: Array<readonly [string, string]> = []
  for (const param of query.split('&')) {
    if (param === '') continue
    const equals = param.indexOf('=')
    params.push(equals === -1
      ? [escape(unescape(param)), '']
      : [escape(unescape(param.slice(0, equals))), escape(unescape(param.slice(equals + 1)))])
  }
  params.sort(([a, x], [b, y]) => order(a, b) || order(x, y))
  return params.map(([name, value]) => `${name}=${value}`).join('&')
}

/** A value without spaces around it, and one in place of several. */
function canonicalValue (value: string): string {
  const text = value.replace(SPACES, ' ')
  return text.slice(text.startsWith(' ') ? 1 : 0, text.endsWith(' ') ? -1 : undefined)
}

function escape (octets: string): string {
  return octets.replace(UNRESERVED, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/** What is no escape stays. */
function unescape (text: string): string {
  return text.replace(ESCAPED, (triple) => String.fromCharCode(parseInt(triple.slice(1), 16)))
}

function order (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
