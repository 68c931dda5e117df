import { MalformedCredentials } from '../../errors.js'
import type { AuthParams } from '../../fields/auth-param.js'
import type { Credentials } from '../../fields/credentials.js'
import { parseExtValue } from '../../fields/ext-value.js'
import { findDigestAlgorithm } from './algorithm.js'
import type { DigestAlgorithm } from './algorithm.js'
import { checkUsername, decodeUsername } from './username.js'
import type { DecodedUsername } from './username.js'

/** Digest credentials whose structure is right. Nothing of them has been compared with anything. */
export interface DigestParameters extends DecodedUsername {
  /** True: `username` is a hash of the name, in lower-case hex. */
  readonly userhash: boolean
  readonly realm: string
  readonly nonce: string
  /** As sent, which is how it is hashed. */
  readonly uri: string
  /** Hex digits in lower case, as many as the algorithm has. */
  readonly response: string
  /** Empty where there is none. */
  readonly opaque: string
  /** `undefined`: one we do not know. */
  readonly algorithm: DigestAlgorithm | undefined
  /** As sent; `undefined` in the form of RFC 2069. */
  readonly qop: string | undefined
  readonly cnonce: string | undefined
  /** As sent. Always there where there is a `qop`. */
  readonly nc: string | undefined
  /** What `nc` says, 1 or more; 0 without `qop`. */
  readonly count: number
}

/** How {@link readDigestParameters} reads what is not UTF-8. */
export interface DigestParameterOptions {
  /** Takes a user name that is no UTF-8 for ISO-8859-1. Default false: it is malformed. */
  readonly latin1Fallback?: boolean
}

/** The longest realm that credentials may name, and so the longest that makes sense. */
export const MAX_REALM_LENGTH = 1024

/**
 * The longest value of each parameter, in octets. Ours are far shorter; the rest is room for other
 * servers' nonces.
 */
const MAX_LENGTHS: ReadonlyMap<string, number> = new Map([
  ['username', 3072], ['username*', 9216], ['realm', MAX_REALM_LENGTH], ['nonce', 512], ['uri', 65536], ['response', 64],
  ['opaque', 512], ['algorithm', 32], ['qop', 32], ['cnonce', 256], ['nc', 8], ['userhash', 5]
])
const HEX = /^[0-9a-f]*$/i
const PRINTABLE = /^[\x20-\x7e]+$/

/**
 * Checks the parameters of Digest credentials. Unknown ones are passed over. Quoted and unquoted
 * are the same, for the parser has seen to that.
 *
 *     credentials = "Digest" 1*SP #auth-param
 *     response    = 32LHEX / 64LHEX
 *     nc          = 8LHEX
 *     userhash    = "true" / "false"
 *
 * Hex digits may be in upper case: a number and a hash are the same in either.
 *
 * @returns `undefined` when there is nothing to read: another scheme, or the scheme alone.
 * @throws {MalformedCredentials} A parameter is missing or too long, `username` and `username*` are
 *   both there, or the latter beside `userhash=true`, or a value is not what it must be.
 * @throws {MalformedField} `username*` does not follow its grammar.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4 RFC 7616, 3.4}
 * @example
 * readDigestParameters(parseCredentials(value))?.username // 'Mufasa'
 */
export function readDigestParameters (
  credentials: Credentials, options?: DigestParameterOptions
): DigestParameters | undefined {
  if (credentials.scheme.toLowerCase() !== 'digest') return undefined
  const { token68, params } = credentials
  if (params === undefined) {
    if (token68 === undefined) return undefined
    throw new MalformedCredentials('Digest takes parameters')
  }
  for (const [name, most] of MAX_LENGTHS) {
    if ((params[name]?.length ?? 0) > most) throw new MalformedCredentials(`${name} is too long`)
  }
  const algorithm = findDigestAlgorithm(params.algorithm)
  const { qop, cnonce, nc } = params
  if (cnonce !== undefined && !PRINTABLE.test(cnonce)) throw new MalformedCredentials('cnonce is not printable ASCII')
  if (cnonce === undefined && (qop !== undefined || algorithm?.session === true)) throw new MalformedCredentials('no cnonce')
  const { username, encoding, userhash } = readUser(params, algorithm, options?.latin1Fallback === true)
  return {
    username,
    encoding,
    userhash,
    realm: required(params, 'realm'),
    nonce: required(params, 'nonce'),
    uri: required(params, 'uri'),
    response: hexOf(required(params, 'response'), algorithm, 'response'),
    opaque: params.opaque ?? '',
    algorithm,
    qop,
    cnonce,
    nc,
    count: qop === undefined ? 0 : readCount(required(params, 'nc'))
  }
}

function readUser (
  params: AuthParams, algorithm: DigestAlgorithm | undefined, latin1Fallback: boolean
): DecodedUsername & { userhash: boolean } {
  const userhash = readFlag(params.userhash)
  const extended = params['username*']
  if (extended === undefined) {
    const plain = required(params, 'username')
    return userhash
      ? { username: hexOf(plain, algorithm, 'username'), encoding: 'utf8', userhash }
      : { ...decodeUsername(plain, latin1Fallback), userhash }
  }
  if (params.username !== undefined) throw new MalformedCredentials('both username and username*')
  if (userhash) throw new MalformedCredentials('username* is plain, userhash says it is not')
  return { username: checkUsername(parseExtValue(extended)), encoding: 'utf8', userhash }
}

function required (params: AuthParams, name: string): string {
  const value = params[name]
  if (value === undefined) throw new MalformedCredentials(`no ${name}`)
  return value
}

function readFlag (value: string | undefined): boolean {
  const flag = value?.toLowerCase() ?? 'false'
  if (flag !== 'true' && flag !== 'false') throw new MalformedCredentials('userhash is neither true nor false')
  return flag === 'true'
}

// The length is known only where the algorithm is; with another the credentials get no further.
function hexOf (text: string, algorithm: DigestAlgorithm | undefined, name: string): string {
  if (!HEX.test(text) || (algorithm !== undefined && text.length !== algorithm.hexLength)) {
    throw new MalformedCredentials(`${name} is no hash of its algorithm`)
  }
  return text.toLowerCase()
}

function readCount (nc: string): number {
  if (nc.length !== 8 || !HEX.test(nc)) throw new MalformedCredentials('nc is not 8 hex digits')
  const count = parseInt(nc, 16)
  if (count === 0) throw new MalformedCredentials('nc counts from 1')
  return count
}
