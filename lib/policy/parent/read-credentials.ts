import { BadOption } from '../../errors.js'
import { badOption, checkObject, isObject, readList, readWord } from '../../check-option.js'
import { isToken68 } from '../../fields/grammar.js'
import { DIGEST_ALGORITHMS } from '../../schemes/digest/algorithm.js'
import type { ParentCredentials } from './credentials.js'

/** Checks a member that is there, and gives it as it is kept. */
type ReadMember = (value: unknown, option: string) => unknown

interface CredentialsMembers {
  readonly required: Readonly<Record<string, ReadMember>>
  readonly optional: Readonly<Record<string, ReadMember>>
}

/** The most chars of a name, a password, or another text. */
const MAX_TEXT = 1024
/** The most chars of a token. */
const MAX_TOKEN = 16_384
// eslint-disable-next-line no-control-regex -- controls are what it looks for
const CONTROL = /[\0-\x1f\x7f]/
const LONE_SURROGATE = /\p{Cs}/u
/** GSSAPI's own spelling, and that of principals. */
const SERVICE = /^[\w-]+[@/][^/@\\\s]+$/
const NT_HASH = /^[0-9a-f]{32}$/i
/** What stands between slashes and commas in the credentials of AWS4. */
const SCOPE = /^[\x21-\x2b\x2d\x2e\x30-\x7e]{1,256}$/
const KEY_ID = /^[\x21-\x2b\x2d-\x7e]{1,256}$/
const ALGORITHM_NAMES = DIGEST_ALGORITHMS.map(({ name }) => name)

/** The members of each scheme, and which of them must be there. */
const SCHEMES: Readonly<Record<ParentCredentials['scheme'], CredentialsMembers>> = {
  Basic: { required: { username: readUserId, password: readText }, optional: {} },
  Bearer: { required: { token: readToken }, optional: {} },
  Digest: {
    required: { username: readName, password: readText },
    optional: { algorithms: readAlgorithms, rspauth: oneOf('ignore', 'refuse', 'require') }
  },
  NTLM: {
    required: { username: readName },
    // An account without a password is none here: the handshake would prove nothing.
    optional: { password: readName, ntHash: matching(NT_HASH, '32 hex digits'), domain: readText, workstation: readText }
  },
  Negotiate: { required: {}, optional: { service: readService, principal: readName, mutual: readFlag } },
  AWS4: {
    required: {
      accessKeyId: matching(KEY_ID, 'text in visible ASCII without a comma'),
      secretAccessKey: readName,
      region: matching(SCOPE, 'text in visible ASCII without a comma or slash'),
      service: matching(SCOPE, 'text in visible ASCII without a comma or slash')
    },
    optional: { sessionToken: matching(/^[\x21-\x7e]{1,8192}$/, 'text in visible ASCII') }
  }
}
const NAMES = Object.keys(SCHEMES) as ReadonlyArray<ParentCredentials['scheme']>

/** What has been checked here, which is not checked again. */
const checked = new WeakSet<object>()

/**
 * Insists on credentials for a parent proxy.
 *
 * @param option - What the errors call them. They never tell a value.
 * @returns A frozen copy, or `value` itself where that is one already.
 * @throws {BadOption} A member is wrong, missing, or unknown.
 * @example
 * readParentCredentials({ scheme: 'Bearer', token }, 'parents[0].credentials')
 */
export function readParentCredentials (value: unknown, option: string): ParentCredentials {
  if (!isObject(value)) throw badOption(option, 'an object with a scheme', value)
  if (checked.has(value)) return value as ParentCredentials
  // Each member is read once, so that what is kept is what was checked.
  const given: Record<string, unknown> = { ...value }
  const scheme = readWord(given.scheme as ParentCredentials['scheme'], `${option}.scheme`, NAMES)
  const { required, optional } = SCHEMES[scheme]
  checkObject(given, option, new Set(['scheme', ...Object.keys(required), ...Object.keys(optional)]))
  const kept: Record<string, unknown> = { scheme }
  for (const [name, read] of Object.entries({ ...required, ...optional })) {
    if (given[name] !== undefined || name in required) kept[name] = read(given[name], `${option}.${name}`)
  }
  if (scheme === 'NTLM' && (kept.password === undefined) === (kept.ntHash === undefined)) {
    throw new BadOption(`${option}.password`, 'there, or else `ntHash`', kept.password === undefined ? 'neither' : 'both')
  }
  checked.add(kept)
  return Object.freeze(kept) as unknown as ParentCredentials
}

function readText (value: unknown, option: string): string {
  if (typeof value !== 'string') throw badOption(option, 'text', value)
  if (value.length > MAX_TEXT || CONTROL.test(value) || LONE_SURROGATE.test(value)) {
    throw new BadOption(option, `Unicode text of up to ${MAX_TEXT} chars without control chars`, 'other text')
  }
  return value
}

function readName (value: unknown, option: string): string {
  if (readText(value, option) === '') throw new BadOption(option, 'text', 'empty text')
  return value as string
}

/** RFC 7617, 2: what is behind the first colon is the password. */
function readUserId (value: unknown, option: string): string {
  if (readText(value, option).includes(':')) throw new BadOption(option, 'a name without a colon', 'one with it')
  return value as string
}

function readToken (value: unknown, option: string): unknown {
  if (typeof value === 'function') return value
  if (typeof value !== 'string') throw badOption(option, 'a token or a function', value)
  if (!isBearerToken(value)) throw new BadOption(option, 'a token by the grammar of RFC 6750', 'other text')
  return value
}

/**
 * Tells whether a value can be sent as a token.
 *
 *     b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-2.1 RFC 6750, 2.1}
 */
export function isBearerToken (value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TOKEN && isToken68(value)
}

function readAlgorithms (value: unknown, option: string): unknown {
  const names = readList(value as unknown[], option, 1)
  for (const name of names) readWord(name as typeof ALGORITHM_NAMES[number], `each of ${option}`, ALGORITHM_NAMES)
  return names
}

/** GSSAPI wants the host behind an at sign. */
function readService (value: unknown, option: string): string {
  return matching(SERVICE, 'a service and its host, HTTP@parent.test')(value, option).replace('/', '@')
}

function readFlag (value: unknown, option: string): boolean {
  if (typeof value !== 'boolean') throw badOption(option, 'true or false', value)
  return value
}

function matching (pattern: RegExp, wanted: string) {
  return (value: unknown, option: string): string => {
    if (typeof value !== 'string') throw badOption(option, wanted, value)
    if (!pattern.test(value)) throw new BadOption(option, wanted, 'other text')
    return value
  }
}

function oneOf<Word extends string> (...words: Word[]) {
  return (value: unknown, option: string): Word => readWord(value as Word, option, words)
}
