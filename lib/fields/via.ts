import { MalformedField, NotRepresentable } from '../errors.js'
import { readAuthority } from './target.js'
import {
  BACKSLASH, COMMA, HTAB, MAX_MEMBERS, SP, endOfMember, endOfToken, isToken, joinLines, skipEmptyMembers, skipOws
} from './grammar.js'

/** One member of `Via`: a proxy or gateway the message went through. */
export interface ViaMember {
  /** Undefined for HTTP, which is left out on the wire. */
  readonly protocolName?: string
  readonly protocolVersion: string
  /** A pseudonym or a host, with the port where one is given. */
  readonly receivedBy: string
  /** With its parentheses. */
  readonly comment?: string
}

const FIELD = 'Via'
const OPEN = 0x28
const CLOSE = 0x29

/**
 * Tells whether `text` can be our name in `Via`.
 *
 *     pseudonym = token
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3 RFC 9110, 7.6.3}
 * @example
 * isPseudonym('gw-1') // true
 */
export function isPseudonym (text: string): boolean {
  return isToken(text)
}

/**
 * Writes the member of `Via` that this hop appends.
 *
 *     Via = #( received-protocol RWS received-by [ RWS comment ] )
 *
 * @param protocolVersion - Of the message received, as node gives it: `1.1`, `1.0`, `2.0`.
 * @param receivedBy - Our pseudonym, or host and port.
 * @throws {NotRepresentable} The version is no token, or `receivedBy` is neither pseudonym nor host
 *   and port.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3 RFC 9110, 7.6.3}
 * @example
 * formatVia('1.1', 'gw-1') // '1.1 gw-1'
 */
export function formatVia (protocolVersion: string, receivedBy: string): string {
  if (!isToken(protocolVersion)) throw new NotRepresentable(endOfToken(protocolVersion, 0))
  if (!isReceivedBy(receivedBy)) throw new NotRepresentable(protocolVersion.length + 1)
  return `${protocolVersion} ${receivedBy}`
}

/**
 * Writes the members that this hop appends to requests, one for each version of HTTP that it
 * serves, so that no request has to wait for its own to be written. A hook of an application may
 * have given a message another version: {@link formatVia} is for these.
 *
 * @param receivedBy - As {@link formatVia} has it.
 * @returns The members by version, as node gives it.
 * @throws {NotRepresentable} `receivedBy` is neither pseudonym nor host and port.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3 RFC 9110, 7.6.3}
 * @example
 * viaByVersion('gw-1')['1.1'] // '1.1 gw-1'
 */
export function viaByVersion (receivedBy: string): Readonly<Record<string, string>> {
  return Object.fromEntries(['1.0', '1.1', '2.0'].map((version) => [version, formatVia(version, receivedBy)]))
}

/**
 * Reads the value of `Via`.
 *
 *     Via               = #( received-protocol RWS received-by [ RWS comment ] )
 *     received-protocol = [ protocol-name "/" ] protocol-version
 *
 * @param lines - One line, or all lines of the field in their order.
 * @returns The members, the first hop first. None when the text is empty.
 * @throws {MalformedField} The text does not follow the grammar or has more than 128 members.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3 RFC 9110, 7.6.3}
 * @example
 * parseVia('1.0 fred, 1.1 p.test:8080 (Squid)')
 * // [{ protocolVersion: '1.0', receivedBy: 'fred' },
 * //  { protocolVersion: '1.1', receivedBy: 'p.test:8080', comment: '(Squid)' }]
 */
export function parseVia (lines: string | readonly string[]): ViaMember[] {
  const text = joinLines(lines)
  const members: ViaMember[] = []
  let at = skipEmptyMembers(text, 0, FIELD)
  while (at < text.length) {
    if (members.length === MAX_MEMBERS) throw new MalformedField(FIELD, at)
    const endOfProtocol = endOfWord(text, at)
    const [name, version, ...more] = text.slice(at, endOfProtocol).split('/', 3)
    const protocolVersion = version ?? name!
    if (!isToken(name!) || !isToken(protocolVersion) || more.length > 0) throw new MalformedField(FIELD, at)
    at = skipOws(text, endOfProtocol)

    const endOfReceivedBy = endOfWord(text, at)
    const receivedBy = text.slice(at, endOfReceivedBy)
    if (!isReceivedBy(receivedBy)) throw new MalformedField(FIELD, at)
    at = skipOws(text, endOfReceivedBy)

    const endOfRemark = endOfComment(text, at)
    members.push({
      ...(version !== undefined && name!.toUpperCase() !== 'HTTP' && { protocolName: name! }),
      protocolVersion,
      receivedBy,
      ...(endOfRemark > at && { comment: text.slice(at, endOfRemark) })
    })
    at = skipEmptyMembers(text, endOfMember(text, endOfRemark, FIELD), FIELD)
  }
  return members
}

/**
 * Tells whether a message has been through the hop of that name. Never throws: text outside the
 * grammar must not hide a loop, so a comment that is not closed counts as words.
 *
 * @param lines - All lines of `Via`.
 * @param pseudonym - The second word of the members we write; compared without regard to case.
 * @returns True also when there are more than 128 members: that many hops are a loop, whichever
 *   they are.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3 RFC 9110, 7.6.3}
 * @example
 * viaNames(['1.1 a (not gw-1), 1.1 gw-1'], 'gw-1') // true
 */
export function viaNames (lines: readonly string[], pseudonym: string): boolean {
  const wanted = pseudonym.toLowerCase()
  let members = 0
  for (const line of lines) {
    let words = 0
    let commentsClose = true // once one does not, none of those behind it does: looking again would be quadratic
    for (let at = skipOws(line, 0); at < line.length; at = skipOws(line, at)) {
      if (line.charCodeAt(at) === COMMA) {
        words = 0
        at++
        continue
      }
      const behind = commentsClose ? endOfComment(line, at) : at
      if (behind > at) {
        at = behind
        continue
      }
      if (line.charCodeAt(at) === OPEN) commentsClose = false
      const end = endOfWord(line, at)
      if (++words === 1 && ++members > MAX_MEMBERS) return true
      if (words === 2 && line.slice(at, end).toLowerCase() === wanted) return true
      at = end
    }
  }
  return false
}

// A word is what reaches to whitespace or comma.
function endOfWord (text: string, at: number): number {
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === COMMA || code === SP || code === HTAB) return at
  }
  return at
}

// comment = "(" *( ctext / quoted-pair / comment ) ")". Gives `at` itself when none starts there,
// or none ends.
function endOfComment (text: string, at: number): number {
  if (text.charCodeAt(at) !== OPEN) return at
  for (let end = at, depth = 0; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code === BACKSLASH) end++
    else if (code === OPEN) depth++
    else if (code === CLOSE && --depth === 0) return end + 1
  }
  return at
}

function isReceivedBy (text: string): boolean {
  return isToken(text) || typeof readAuthority(text) !== 'string'
}
