// Readers of HTTP/1.1 messages (RFC 9112) for both ends of the gateway: they take well-formed ones and nothing else. Texts have
// one char per octet.

/** What is not a well-formed message. */
export class NotStrict extends Error {
  constructor (readonly why: string, readonly at: number) { super(`${why} at octet ${at}`) }
}

export type Field = readonly [name: string, value: string]

export interface Head {
  readonly line: string
  readonly fields: readonly Field[]
  /** The offset behind the empty line. */
  readonly end: number
}

export interface Content {
  readonly text: string
  readonly trailers: readonly Field[]
  readonly end: number
  /** False: more has to come. */
  readonly complete: boolean
  /** Why, from here on, it is not well-formed. */
  readonly fault?: NotStrict
}

export interface StrictRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly fields: readonly Field[]
  readonly content: Content
  readonly start: number
  /** The offset behind its head. */
  readonly headEnd: number
  /** The offset behind all of it, as far as it has come. */
  readonly end: number
}

export interface StrictResponse {
  readonly status: number
  readonly fields: readonly Field[]
  readonly content: Content
  readonly interim: readonly number[]
  readonly end: number
}

/** How the end of a content is found; `close`: by that of the connection. */
export type Framing = number | 'chunked' | 'close'

const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(|[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*$/
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/(1\.[01])$/
/** What node serves too, as HTTP/0.9 or 2.0, and the gateway does not. */
const ODD_LINE = /([A-Z-]+) +([\x21-\x7e]+)(?: +HTTP\/(?:0\.9|2\.0))? *\r?\n/y
const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d) [\t\x20-\x7e\x80-\xff]*$/
const CHUNK_LINE = /^([0-9A-Fa-f]{1,12})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/

/** @returns `null` while the head has not come to its end. */
export function readHead (text: string, at: number): Head | null {
  const line = text.indexOf('\r\n', at)
  if (line === -1) return null
  const fields = readFields(text, line + 2)
  return fields && { line: text.slice(at, line), fields: fields.fields, end: fields.end }
}

/** Field lines up to the empty one. */
function readFields (text: string, at: number): { fields: Field[], end: number } | null {
  const fields: Field[] = []
  for (;;) {
    const end = text.indexOf('\r\n', at)
    if (end === -1) return null
    if (end === at) return { fields, end: end + 2 }
    const line = FIELD.exec(text.slice(at, end))
    if (line === null) throw new NotStrict('no field line', at)
    fields.push([line[1]!, line[2]!])
    at = end + 2
  }
}

function readTrailers (text: string, at: number): ReturnType<typeof readFields> | NotStrict {
  try {
    return readFields(text, at)
  } catch (error) {
    return error as NotStrict
  }
}

/** All values of a field, in lines of their own. */
export function valuesOf (fields: readonly Field[], name: string): string[] {
  return fields.flatMap(([each, value]) => each.toLowerCase() === name ? [value] : [])
}

/** @returns `null`: nothing says that there is content. */
export function framingOf (fields: readonly Field[], at: number): Framing | null {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding').join(',').split(',').map(coding => coding.trim().toLowerCase())
  const [length] = lengths
  if (length === undefined) {
    if (codings.join('') === '') return null
    if (codings.indexOf('chunked') !== codings.length - 1) throw new NotStrict('chunked is not the last coding, once', at)
    return 'chunked'
  }
  if (codings.join('') !== '') throw new NotStrict('Content-Length beside Transfer-Encoding', at)
  if (lengths.length > 1) throw new NotStrict('more than one Content-Length', at)
  if (!/^\d{1,15}$/.test(length)) throw new NotStrict('Content-Length is no number', at)
  return Number(length)
}

export function readContent (text: string, at: number, framing: Framing | null): Content {
  if (framing === null) return { text: '', trailers: [], end: at, complete: true }
  if (framing === 'chunked') return readChunks(text, at)
  const content = framing === 'close' ? text.slice(at) : text.slice(at, at + framing)
  return { text: content, trailers: [], end: at + content.length, complete: content.length === framing }
}

function readChunks (text: string, at: number): Content {
  let content = ''
  const broken = (why: string): Content => ({ text: content, trailers: [], end: at, complete: false, fault: new NotStrict(why, at) })
  for (;;) {
    const end = text.indexOf('\r\n', at)
    if (end === -1) return { text: content, trailers: [], end: text.length, complete: false }
    const size = CHUNK_LINE.exec(text.slice(at, end))
    if (size === null) return broken('no chunk')
    const length = parseInt(size[1]!, 16)
    at = end + 2
    if (length === 0) {
      const trailers = readTrailers(text, at)
      if (trailers instanceof NotStrict) return broken(trailers.why)
      return { text: content, trailers: trailers?.fields ?? [], end: trailers?.end ?? text.length, complete: trailers !== null }
    }
    content += text.slice(at, at + length)
    at += length
    if (text.length < at + 2) return { text: content, trailers: [], end: text.length, complete: false }
    if (text.slice(at, at + 2) !== '\r\n') return broken('a chunk of another length')
    at += 2
  }
}

/**
 * One request, as far as it has come.
 *
 * @param isOwn - For what a client has sent: whether a target is a route of the application's own. Node takes more than one space
 *   in a request line, and serves such routes in other versions too.
 * @returns `null` while its head has not come to its end.
 * @throws {NotStrict}
 */
export function readRequest (text: string, start: number, isOwn?: (target: string) => boolean): StrictRequest | null {
  ODD_LINE.lastIndex = start
  const odd = ODD_LINE.exec(text)
  const isOdd = odd !== null && isOwn?.(odd[2]!) === true
  const head = isOdd ? readFields(text, ODD_LINE.lastIndex) : readHead(text, start)
  if (head === null) return null
  const line = isOdd ? [...odd, '0.9'] : REQUEST_LINE.exec(isOwn === undefined ? (head as Head).line : (head as Head).line.replaceAll(/ +/g, ' '))
  if (line === null) throw new NotStrict('no request line', start)
  const [, method = '', target = '', version = ''] = line
  const framing = framingOf(head.fields, start)
  const content = readContent(text, head.end, method === 'CONNECT' ? null : framing)
  return { method, target, version, fields: head.fields, content, start, headEnd: head.end, end: content.end }
}

/**
 * One response, with the interim ones before it. A 101, and a 2xx to CONNECT, end with their heads.
 *
 * @param ended - Nothing more will come.
 * @returns `null` while the head of the final response has not come to its end.
 * @throws {NotStrict}
 */
export function readResponse (text: string, at: number, method: string, ended: boolean): StrictResponse | null {
  const interim: number[] = []
  for (;;) {
    const start = at
    const head = readHead(text, at)
    if (head === null) {
      if (!/^(?:H(?:T(?:T(?:P(?:\/.*)?)?)?)?)?$/s.test(text.slice(at, at + 6))) throw new NotStrict('no response', at)
      return null
    }
    const line = STATUS_LINE.exec(head.line)
    if (line === null) throw new NotStrict('no status line', at)
    const status = Number(line[1])
    at = head.end
    if (status < 200 && status !== 101) {
      interim.push(status)
      continue
    }
    const framing = framingOf(head.fields, start)
    // What is too broken for its method to be known gets a content even if that was HEAD, and the connection closes.
    const unread = (status === 400 || status === 431) && method === 'HEAD' && at < text.length && !text.startsWith('HTTP/', at)
    const bare = status === 101 || status === 204 || status === 304 || (method === 'HEAD' && !unread) || (method === 'CONNECT' && status < 300)
    const read = readContent(text, at, bare ? null : framing ?? 'close')
    if (read.fault !== undefined) throw read.fault
    const content = framing === null && !bare ? { ...read, complete: ended } : read
    return { status, fields: head.fields, content, interim, end: content.end }
  }
}
