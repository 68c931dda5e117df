import { MalformedField, NotRepresentable } from '../errors.js'
import {
  COMMA, DQUOTE, EQUALS, MAX_PARAMS, endOfMember, endOfToken, isToken, isVisible, skipEmptyMembers, skipOws
} from './grammar.js'
import { quote, readQuoted } from './quoted-string.js'

/**
 * Parameters by name, in the order of the field. Parsed ones have lower-case names and no
 * prototype, so a parameter that is called `__proto__` or `constructor` is a parameter like any
 * other.
 */
export type AuthParams = Readonly<Record<string, string>>

/** How a parser treats what real peers send and the grammar does not know. */
export interface ParseOptions {
  /** Takes some things outside the grammar. Each parser says which. Default false. */
  readonly lenient?: boolean
}

/**
 * Reads one parameter into `params`.
 *
 *     auth-param = token BWS "=" BWS ( token / quoted-string )
 *
 * @param at - Where the name starts.
 * @param params - Gets the parameter, its name in lower case.
 * @param field - Named in the error.
 * @param lenient - Takes a value without quotes up to the comma, whatever visible chars it has.
 * @returns The index behind the value.
 * @throws {MalformedField} It does not follow the grammar, or `params` has that name already.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.2 RFC 9110, 11.2}
 * @example
 * const params = Object.create(null)
 * readAuthParam('Realm = "x"', 0, params, 'challenge') // 11, and params.realm is 'x'
 */
export function readAuthParam (
  text: string, at: number, params: Record<string, string>, field: string, lenient = false
): number {
  const endOfName = endOfToken(text, at)
  const equals = skipOws(text, endOfName)
  if (endOfName === at || text.charCodeAt(equals) !== EQUALS) throw new MalformedField(field, equals)
  const name = text.slice(at, endOfName).toLowerCase()
  if (name in params) throw new MalformedField(field, at)

  const start = skipOws(text, equals + 1)
  if (text.charCodeAt(start) === DQUOTE) {
    const { value, end } = readQuoted(text, start, field)
    params[name] = value
    return end
  }
  const end = lenient ? endOfVisible(text, start) : endOfToken(text, start)
  if (end === start) throw new MalformedField(field, end)
  params[name] = text.slice(start, end)
  return end
}

/**
 * Reads the list of parameters that reaches from `at` to the end of the text. It may be empty.
 *
 *     #auth-param
 *
 * @param field - Named in the error.
 * @param lenient - As in {@link readAuthParam}.
 * @throws {MalformedField} It does not follow the grammar, a name occurs twice, or there are more
 *   than {@link MAX_PARAMS} parameters.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.2 RFC 9110, 11.2}
 * @example
 * readAuthParams('a=1, B="2"', 0, 'credentials') // { a: '1', b: '2' }
 */
export function readAuthParams (text: string, at: number, field: string, lenient = false): AuthParams {
  const params: Record<string, string> = Object.create(null)
  let count = 0
  for (at = skipEmptyMembers(text, at, field); at < text.length; at = skipEmptyMembers(text, at, field)) {
    if (++count > MAX_PARAMS) throw new MalformedField(field, at)
    at = endOfMember(text, readAuthParam(text, at, params, field, lenient), field)
  }
  return params
}

/** How a value is written: always quoted, never quoted, or quoted only where it is no token. */
export type Spelling = 'quoted' | 'token' | 'either'

/**
 * Writes parameters, comma and SP between them, nothing around `=`.
 *
 * @param params - Written in their order; names keep their case.
 * @param spelling - Says how the value of a parameter is written, by its lower-case name.
 * @returns The list; empty text when there are no parameters.
 * @throws {NotRepresentable} A name is no token or occurs twice (in any case), a value that must be
 *   a token is none, or a value has a char no quoted-string can carry.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.2 RFC 9110, 11.2}
 * @example
 * formatAuthParams({ realm: 'x', stale: 'true' }, (name) => name === 'stale' ? 'token' : 'quoted')
 * // 'realm="x", stale=true'
 */
export function formatAuthParams (params: AuthParams, spelling: (name: string) => Spelling): string {
  const seen = new Set<string>()
  let text = ''
  for (const [name, value] of Object.entries(params)) {
    const key = name.toLowerCase()
    if (!isToken(name)) throw new NotRepresentable(endOfToken(name, 0))
    if (seen.has(key)) throw new NotRepresentable(0)
    seen.add(key)
    const how = spelling(key)
    if (how === 'token' && !isToken(value)) throw new NotRepresentable(endOfToken(value, 0))
    const bare = how === 'token' || (how === 'either' && isToken(value))
    text += `${text === '' ? '' : ', '}${name}=${bare ? value : quote(value)}`
  }
  return text
}

// Visible octets up to the comma. A double quote inside would make two readers see two different
// values, and with "=" at its start it is a token68 gone wrong.
function endOfVisible (text: string, at: number): number {
  if (text.charCodeAt(at) === EQUALS) return at
  for (; ; at++) {
    const code = text.charCodeAt(at)
    if (!isVisible(code) || code === COMMA || code === DQUOTE) return at
  }
}
