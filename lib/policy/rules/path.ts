/**
 * A path, as far as all origins agree on it, and as all that some may make of it.
 *
 * Origins differ in what they decode and how often, in what parts segments (a backslash, `//`, an
 * encoded slash), in what `;` begins, in when they resolve dot segments, and in the case of
 * letters. So there is no one normal form to compare: what is allowed must be so in each reading,
 * and what is denied is denied if it is so in one.
 */
export interface RequestPath {
  /**
   * The first segments that every origin reads alike, decoded. Unless the path climbs, it stays
   * below them whatever comes behind.
   */
  readonly certain: readonly string[]
  /**
   * The segments of an origin that decodes all and parts at everything, folded so that two
   * spellings of a segment are one.
   */
  readonly possible: readonly string[]
  /**
   * What origins may make of `possible`: they read it `in order`; leave some of it out (`gaps`); go
   * up in it, which leaves some of it out as well (`climbs`); or read it as `anything`.
   */
  readonly reading: 'in order' | 'gaps' | 'climbs' | 'anything'
  /**
   * Where each segment of `possible` is in it, in order; empty where it is read `in order`. A path
   * of thousands of segments may be compared with thousands of prefixes.
   */
  readonly places: ReadonlyMap<string, readonly number[]>
}

/** A prefix of paths, in whole segments. No two origins read it in two ways. */
export type PathPrefix = Pick<RequestPath, 'certain' | 'possible'>

const NO_PLACES = placesOf([])
const ANYTHING: RequestPath = Object.freeze({ certain: [], possible: [], reading: 'anything', places: NO_PLACES })
/** How often an origin may decode. What has still something to decode may be anything. */
const ROUNDS = 4

/** What is taken for itself by all: raw, or encoded where it has to be. */
const PLAIN = /^(?:[\w.~!$&'()*+,=:@-]|%20|%22|%3[CE]|%5E|%60|%7[B-D]|%[89A-F][\dA-F])+$/i
const RAW_OCTET = /[\x80-\xff]/g
const BEYOND_OCTETS = /[^\0-\xff]/
const MALFORMED = /%(?![\da-f]{2})/i
const OCTETS = /(?:%[\da-f]{2})+/gi
/** Of the second kind are those of IIS. */
const OCTET = /%(?:u[\da-f]{2})?[\da-f]{2}/i
/**
 * What some leave out wherever it is: what URLs do not have, and what shows nothing. File systems
 * of Apple overlook that in names.
 */
const OVERLOOKED = /[\t\n\r]|\p{Default_Ignorable_Code_Point}/gu
/**
 * The last five are slashes and backslashes where text is fitted into a smaller set of chars: the
 * signs of the yen and the won are where ASCII has the backslash.
 */
const PARTS = /[/\\\u2044\u2215\u2216\u00a5\u20a9]/
/** What ends a segment for some: parameters, queries, the end of a text in C. */
const CUTS = /[;?#\0]/
/** What begins a stream of a file on Windows, and the kind of it. */
const STREAM = /::?\$/
/** What has to be encoded in a path. */
const ENCODED = /[^\x21-\x7e]|["<>^`{|}]/gu
/** A query, a fragment, half of a char. */
const NO_PREFIX = /[?#\p{Surrogate}]/u
const DOTS = /^[\0-\x20\x7f-\x9f\s]*\.[\0-\x20\x7f-\x9f\s.]*$/
const BLANK = /[\0-\x20\x7f-\x9f\s]/
const BLANK_OR_DOT = /[\0-\x20\x7f-\x9f\s.]/

/**
 * Reads the path of a request for comparing.
 *
 * @param text - The path as the origin gets it, one char per octet. A query is left aside.
 * @example
 * readPath('/v1/a%2FB?x') // { certain: ['v1'], possible: ['v1', 'a', 'b'], … }
 */
export function readPath (text: string): RequestPath {
  const end = text.search(/[?#]/)
  const path = end === -1 ? text : text.slice(0, end)
  if (!path.startsWith('/') || BEYOND_OCTETS.test(path)) return ANYTHING
  const encoded = path.replace(RAW_OCTET, (octet) => `%${octet.charCodeAt(0).toString(16)}`)
  const decoded = decodeAll(encoded)
  // What begins with two slashes is an authority to some.
  if (decoded === null || PARTS.test(decoded.charAt(1))) return ANYTHING
  const parts = decoded.split(PARTS).slice(1).map((part) => part.split(CUTS, 1)[0]!)
  const possible = parts.map(fold).filter((part) => part !== '')
  if (parts.some((part) => DOTS.test(part))) return { certain: [], possible, reading: 'climbs', places: placesOf(possible) }
  const certain = certainOf(encoded)
  return CUTS.test(decoded) ? { certain, possible, reading: 'gaps', places: placesOf(possible) } : { certain, possible, reading: 'in order', places: NO_PLACES }
}

function placesOf (segments: readonly string[]): RequestPath['places'] {
  const places = new Map<string, number[]>()
  for (const [place, segment] of segments.entries()) {
    const known = places.get(segment)
    if (known === undefined) places.set(segment, [place])
    else known.push(place)
  }
  return places
}

/**
 * Reads a prefix of paths. A slash at its end says nothing.
 *
 * @param text - In Unicode, encoded or not.
 * @returns `null`: origins may read it in several ways, or it is no path.
 */
export function readPrefix (text: string): PathPrefix | null {
  if (NO_PREFIX.test(text)) return null
  const encoded = text.normalize('NFC').replace(ENCODED, encodeURIComponent).replace(/(?<=[^/])\/$/, '')
  const { certain, possible, reading } = readPath(encoded)
  const segments = encoded === '/' ? 0 : encoded.split('/').length - 1
  return reading === 'in order' && certain.length === segments && possible.length === segments ? { certain, possible } : null
}

/** Whether every origin reads the path as one with this prefix. */
export function isSurelyBelow ({ certain, reading }: RequestPath, prefix: PathPrefix): boolean {
  return (reading === 'in order' || reading === 'gaps') && prefix.certain.every((segment, index) => segment === certain[index])
}

/** Whether an origin may read the path as one with this prefix. */
export function isMaybeBelow ({ possible, reading, places }: RequestPath, prefix: PathPrefix): boolean {
  if (reading === 'anything') return true
  if (reading === 'in order') return prefix.possible.every((segment, index) => segment === possible[index])
  let last = -1
  return prefix.possible.every((segment) => {
    const next = firstBehind(last, places.get(segment) ?? [])
    if (next === undefined) return false
    last = next
    return true
  })
}

/** @param places - In order. Halved until one is left: there may be thousands. */
function firstBehind (last: number, places: readonly number[]): number | undefined {
  let start = 0
  let end = places.length
  while (start < end) {
    const middle = (start + end) >> 1
    if (places[middle]! > last) end = middle
    else start = middle + 1
  }
  return places[start]
}

/** @returns `null`: it is malformed, or decodes to what is. */
function decodeAll (encoded: string): string | null {
  if (MALFORMED.test(encoded)) return null
  let text = encoded
  try {
    for (let round = 0; round < ROUNDS && OCTET.test(text); round++) text = text.replace(OCTETS, decodeURIComponent)
  } catch {
    return null // not UTF-8, of which some make slashes and dots
  }
  const plain = text.replace(OVERLOOKED, '').normalize('NFKC')
  return OCTET.test(plain) ? null : plain
}

function certainOf (encoded: string): string[] {
  const certain: string[] = []
  for (const segment of encoded.slice(1).split('/')) {
    if (!PLAIN.test(segment)) break
    const decoded = decodeURIComponent(segment)
    if (decoded.normalize('NFKC') !== decoded) break
    certain.push(decoded)
  }
  return certain
}

/** One form of all spellings of a segment that one origin or other takes for the same. */
function fold (part: string): string {
  const stream = part.search(STREAM)
  const name = stream === -1 ? part : part.slice(0, stream)
  // Some letters are one in upper case alone, and a sigma at the end is one in lower case alone.
  const text = name.toUpperCase().toLowerCase().replaceAll('ς', 'σ').replaceAll('+', ' ')
  let start = 0
  let end = text.length
  while (start < end && BLANK.test(text[start]!)) start++
  while (end > start && BLANK_OR_DOT.test(text[end - 1]!)) end--
  return text.slice(start, end)
}
