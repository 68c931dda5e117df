import { MAX_MEMBERS, endOfToken, skipOws } from './grammar.js'

// The hot path of every forwarded message, change with care: no regex and no allocation per field.

/** Which way a message goes: from the client to the origin, or back. */
export type Direction = 'request' | 'response'

const BOTH_WAYS = [
  'connection', 'proxy-connection', 'keep-alive', 'te', 'transfer-encoding', 'upgrade', 'http2-settings',
  'proxy-authorization', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-support'
]

/**
 * The fields of a request that end at this hop, in lower case, whether or not `Connection` names
 * them. Beside those of RFC 9110 there are `Proxy`, which CGI programs take for the proxy they
 * should use (CVE-2016-5385), `Expect`, which is answered here, and `Trailer`, since request
 * trailers are dropped.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 RFC 9110, 7.6.1}
 */
export const HOP_BY_HOP_REQUEST: ReadonlySet<string> = new Set([...BOTH_WAYS, 'proxy', 'expect', 'trailer'])

/**
 * The fields of a response that end at this hop, in lower case. `Trailer` is not among them:
 * whether the trailers go on is for the caller to say.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 RFC 9110, 7.6.1}
 */
export const HOP_BY_HOP_RESPONSE: ReadonlySet<string> = new Set(BOTH_WAYS)

/**
 * Fields that `Connection` cannot take away, in lower case: they frame, route, authenticate or
 * govern caching end to end, or an earlier hop vouches for them. Naming one is a mistake or an
 * attack.
 */
export const END_TO_END: ReadonlySet<string> = new Set([
  'host', 'content-length', 'content-type', 'content-encoding', 'content-range', 'date', 'location', 'range',
  'authorization', 'www-authenticate', 'authentication-info', 'cookie', 'set-cookie',
  'cache-control', 'pragma', 'expires', 'age', 'vary', 'etag', 'last-modified',
  'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range',
  'via', 'max-forwards', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port',
  'x-real-ip', 'origin', 'proxy-status', 'strict-transport-security', 'content-security-policy'
])

/** Header fields by lower-case name, as node's `headers`. */
export type FieldRecord = Record<string, string | string[] | undefined>

/**
 * Collects the fields that the lines of `Connection` name.
 *
 *     Connection = #connection-option
 *
 * @param rawHeaders - Names and values in turn, as node's `rawHeaders`.
 * @returns The options in lower case (`close` and `keep-alive` too), without {@link END_TO_END}; of
 *   one line the first 128. What is no token is skipped.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 RFC 9110, 7.6.1}
 * @example
 * connectionOptions(['Connection', 'close, X-Foo']) // Set { 'close', 'x-foo' }
 */
export function connectionOptions (rawHeaders: readonly string[]): Set<string> {
  const options = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (isConnection(rawHeaders[i]!)) addOptions(options, rawHeaders[i + 1]!)
  }
  return options
}

/**
 * Leaves out of a header section what ends at this hop, and HTTP/2's pseudo-header fields.
 *
 * @param rawHeaders - Names and values in turn, as node's `rawHeaders`.
 * @param direction - Which of {@link HOP_BY_HOP_REQUEST} and {@link HOP_BY_HOP_RESPONSE} applies.
 * @param also - More fields to leave out, in lower case.
 * @returns The rest as a new list of the same shape, order and case kept.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 RFC 9110, 7.6.1}
 * @example
 * endToEnd(['Connection', 'X-Foo', 'x-foo', '1', 'Age', '3'], 'response') // ['Age', '3']
 */
export function endToEnd (rawHeaders: readonly string[], direction: Direction, also = NONE): string[] {
  const ours = direction === 'request' ? REQUEST : RESPONSE
  const named = connectionOptions(rawHeaders)
  // Few requests name more than the two options that are no fields; then the lengths spare a look
  // at each name.
  const lengths = lengthsOf(named) | lengthsOf(also)
  const kept: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.charCodeAt(0) === COLON || ours.has(name)) continue
    if ((lengths & lengthBit(name)) !== 0) {
      const key = name.toLowerCase()
      if (named.has(key) || also.has(key)) continue
    }
    kept.push(name, rawHeaders[i + 1]!)
  }
  return kept
}

/**
 * The same for fields in an object, as the reverse routes have them.
 *
 * @param headers - By lower-case name. Not changed.
 * @returns A new object without prototype, so that a field called `__proto__` is one like any
 *   other.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 RFC 9110, 7.6.1}
 * @example
 * endToEndFields({ connection: 'x-foo', 'x-foo': '1', age: '3' }, 'response') // { age: '3' }
 */
export function endToEndFields (headers: FieldRecord, direction: Direction, also = NONE): FieldRecord {
  const ours = direction === 'request' ? HOP_BY_HOP_REQUEST : HOP_BY_HOP_RESPONSE
  const named = new Set<string>()
  const lines = headers.connection ?? []
  for (const line of typeof lines === 'string' ? [lines] : lines) addOptions(named, line)
  const kept: FieldRecord = Object.create(null)
  for (const name of Object.keys(headers)) {
    if (name.charCodeAt(0) === COLON || ours.has(name) || named.has(name) || also.has(name)) continue
    kept[name] = headers[name]
  }
  return kept
}

const COLON = 0x3a
const NONE: ReadonlySet<string> = new Set()
const NO_FIELDS = new Set(['close', 'keep-alive'])

/**
 * A set of names that most names are found not to be in by length and first letter alone, in any
 * case.
 */
class FieldNames {
  private readonly letters = new Uint32Array(32) // by length: a bit for each first letter

  constructor (private readonly names: ReadonlySet<string>) {
    for (const name of names) this.letters[name.length]! |= letterBit(name)
  }

  has (name: string): boolean {
    return (this.letters[name.length]! & letterBit(name)) !== 0 && this.names.has(name.toLowerCase())
  }
}

const REQUEST = new FieldNames(HOP_BY_HOP_REQUEST)
const RESPONSE = new FieldNames(HOP_BY_HOP_RESPONSE)

// Upper and lower case of a letter share their five low bits.
function letterBit (name: string): number {
  return 1 << (name.charCodeAt(0) & 31)
}

function lengthBit (name: string): number {
  return 1 << (name.length & 31)
}

function lengthsOf (names: ReadonlySet<string>): number {
  let bits = 0
  for (const name of names) if (!NO_FIELDS.has(name)) bits |= lengthBit(name)
  return bits
}

function isConnection (name: string): boolean {
  return name.length === 10 && (name.charCodeAt(0) | 0x20) === 0x63 && name.toLowerCase() === 'connection'
}

function addOptions (options: Set<string>, line: string): void {
  for (let at = 0, members = 0; at < line.length && members < MAX_MEMBERS; members++) {
    const comma = line.indexOf(',', at)
    const next = comma === -1 ? line.length : comma
    const start = skipOws(line, at)
    const end = endOfToken(line, start)
    const option = line.slice(start, end).toLowerCase()
    if (end > start && skipOws(line, end) === next && !END_TO_END.has(option)) options.add(option)
    at = next + 1
  }
}
