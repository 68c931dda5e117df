import { timingSafeEqual } from 'node:crypto'
import { NotRepresentable } from '../../errors.js'
import type { AuthParams } from '../../fields/auth-param.js'
import { parseAuthenticationInfo } from '../../fields/authentication-info.js'
import { toChallenges } from '../../fields/challenge.js'
import type { Challenge } from '../../fields/challenge.js'
import { formatCredentials } from '../../fields/credentials.js'
import { formatExtValue } from '../../fields/ext-value.js'
import { DIGEST_ALGORITHMS, findDigestAlgorithm } from './algorithm.js'
import type { DigestAlgorithm, DigestAlgorithmName } from './algorithm.js'
import { computeHa1, computeKey, computeResponse, computeUserhash } from './response.js'
import type { Qop } from './response.js'

/** The user that asks, and the request. */
export interface DigestRequest {
  readonly username: string
  readonly password: string
  /** As in the request line; CONNECT for a tunnel. */
  readonly method: string
  /**
   * The request-target, or for a proxy also its path and query; `host:port` for CONNECT. One char
   * per octet.
   */
  readonly uri: string
  /**
   * The content as it is sent, any content-coding still on, for `auth-int`. Text is UTF-8. Default:
   * none.
   */
  readonly content?: string | Uint8Array
  /** How many requests this nonce has been used for, this one included. 1 to 4294967295. */
  readonly nc: number
  /** Unpredictable text, in printable ASCII. New for every request. */
  readonly cnonce: string
  /**
   * What to use where the server offers both. Default `auth`: little else is implemented anywhere.
   */
  readonly qop?: Qop
  /**
   * The algorithms to accept in a challenge. Default all; leaving out MD5 keeps a server from
   * asking for it.
   */
  readonly algorithms?: readonly DigestAlgorithmName[]
}

/** Credentials, and what is needed to go on. */
export interface DigestAnswer {
  /** The field value. */
  readonly credentials: string
  /**
   * The challenge it answers. With `nc` counted up it can be answered again, until the server says
   * otherwise.
   */
  readonly challenge: Challenge
  /**
   * Judges the `Proxy-Authentication-Info` or `Authentication-Info` of the response.
   */
  verify (info: string | readonly string[], content?: string | Uint8Array): DigestInfoVerdict
}

/** What the server has said on success. */
export interface DigestInfoVerdict {
  /** Whether it knows the password too: `rspauth` is right, or wrong, or absent. */
  readonly rspauth: 'right' | 'wrong' | 'absent'
  /** What its response is protected with: `auth` says nothing of the content. */
  readonly qop: string | undefined
  /** The challenge to answer the next time, from `nc` 1, where the server gives a new nonce. */
  readonly next: Challenge | undefined
}

interface Choice {
  readonly challenge: Challenge & { readonly params: AuthParams & { readonly realm: string, readonly nonce: string } }
  readonly algorithm: DigestAlgorithm
  readonly qop: Qop | undefined
}

/**
 * Answers a Digest challenge: the strongest of those offered, by the hash, `-sess` before plain. A
 * name that is not ASCII goes as its hash where the server takes that, else in `username*`.
 *
 * @param challenges - As parsed, or the lines of `Proxy-Authenticate` or `WWW-Authenticate`. Those
 *   of other schemes are ignored.
 * @returns `null` when there is none that can be answered.
 * @throws {MalformedField} The lines do not follow the grammar of challenges.
 * @throws {NotRepresentable} The name has a control char, or a value one that cannot be sent; `nc`
 *   is no count.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4 RFC 7616, 3.4}
 * @example
 * answerDigestChallenge(response.headers['proxy-authenticate'], {
 *   username: 'alice', password: 'alice-secret', method: 'CONNECT', uri: 'origin.test:443',
 *   nc: 1, cnonce: randomUUID()
 * })?.credentials
 */
export function answerDigestChallenge (
  challenges: string | readonly string[] | readonly Challenge[], request: DigestRequest
): DigestAnswer | null {
  const choice = choose(toChallenges(challenges), request)
  if (choice === undefined) return null
  const { challenge, algorithm, qop } = choice
  const { realm, nonce, opaque, charset, userhash, ...params } = challenge.params
  const form = (text: string): string => charset?.toLowerCase() === 'utf-8' ? text.normalize('NFC') : text
  const username = form(request.username)
  const { method, uri, cnonce } = request
  const nc = formatCount(request.nc)
  const key = computeKey(algorithm, computeHa1(algorithm, username, realm, form(request.password)), nonce, cnonce)
  const compute = (method: string, qop: string | undefined, content: string | Uint8Array = ''): string => {
    const contentHash = qop === 'auth-int' ? algorithm.digest(Buffer.from(content)) : undefined
    return computeResponse(algorithm, key, { method, uri, nonce, qop, nc, cnonce, contentHash })
  }

  const credentials = formatCredentials({
    scheme: 'Digest',
    params: {
      ...(userhash?.toLowerCase() === 'true'
        ? { username: computeUserhash(algorithm, username, realm) }
        : isAscii(username) ? { username } : { 'username*': formatExtValue(username) }),
      realm,
      nonce,
      uri,
      ...(params.algorithm !== undefined && { algorithm: algorithm.name }),
      ...(qop !== undefined && { qop, nc }),
      ...((qop !== undefined || algorithm.session) && { cnonce }),
      response: compute(method, qop, request.content),
      ...(opaque !== undefined && { opaque }),
      ...(userhash?.toLowerCase() === 'true' && { userhash: 'true' })
    }
  })

  function verify (info: string | readonly string[], content?: string | Uint8Array): DigestInfoVerdict {
    const said = parseAuthenticationInfo(info)
    const next = said.nextnonce === undefined
      ? undefined
      : { ...challenge, params: { ...challenge.params, nonce: said.nextnonce } }
    if (said.rspauth === undefined) return { rspauth: 'absent', qop: said.qop, next }
    const ours = qop === undefined
      ? said.qop === undefined
      : said.qop !== undefined && said.cnonce === cnonce && parseInt(said.nc ?? '', 16) === request.nc
    const right = ours && isEqual(said.rspauth, compute('', said.qop, content))
    return { rspauth: right ? 'right' : 'wrong', qop: said.qop, next }
  }
  return { credentials, challenge, verify }
}

function choose (challenges: readonly Challenge[], { algorithms, qop = 'auth' }: DigestRequest): Choice | undefined {
  const choices: Choice[] = []
  for (const { scheme, params } of challenges) {
    const algorithm = findDigestAlgorithm(params?.algorithm)
    if (scheme.toLowerCase() !== 'digest' || params?.realm === undefined || params.nonce === undefined) continue
    if (algorithm === undefined || algorithms?.includes(algorithm.name) === false) continue
    const offered = params.qop?.toLowerCase().split(/[ \t]*,[ \t]*/)
    const chosen = ([qop, 'auth', 'auth-int'] as const).find((each) => offered?.includes(each))
    if (offered !== undefined && chosen === undefined) continue
    const { realm, nonce } = params
    choices.push({ challenge: { scheme, params: { ...params, realm, nonce } }, algorithm, qop: chosen })
  }
  // Stable: of two with one algorithm, the first is what the server likes better.
  return choices.sort((a, b) => DIGEST_ALGORITHMS.indexOf(a.algorithm) - DIGEST_ALGORITHMS.indexOf(b.algorithm))[0]
}

function formatCount (count: number): string {
  if (!Number.isInteger(count) || count < 1 || count > 0xffff_ffff) throw new NotRepresentable(0)
  return count.toString(16).padStart(8, '0')
}

function isAscii (text: string): boolean {
  return /^[\0-\x7f]*$/.test(text)
}

function isEqual (a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a.toLowerCase()), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
