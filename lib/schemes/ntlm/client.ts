import { X509Certificate, randomBytes } from 'node:crypto'
import { BadChallenge, BadOption } from '../../errors.js'
import { toChallenges } from '../../fields/challenge.js'
import type { Challenge } from '../../fields/challenge.js'
import { formatCredentials } from '../../fields/credentials.js'
import { formatAuthenticateMessage, formatNegotiateMessage } from './authenticate.js'
import type { NtlmClient } from './authenticate.js'
import { readChallengeMessage } from './challenge.js'
import type { ReceivedNtlmChallenge } from './challenge.js'
import { channelBinding } from './channel-bindings.js'
import { ntHashOf } from './keys.js'

/** The user that logs in, and where. It has either `password` or `ntHash`. */
export interface NtlmLogin {
  /**
   * As it is: `DOMAIN\user` is not taken apart. `user@realm` goes here as a whole, without a
   * `domain`. 1 to 1024 chars.
   */
  readonly username: string
  /** Not empty. */
  readonly password?: string
  /** The NT hash of the password, 16 octets or 32 hex digits. It is as good as the password. */
  readonly ntHash?: Uint8Array | string
  /** The domain of the user, up to 1024 chars. Default none: many servers know what to do then. */
  readonly domain?: string
  /** What this computer is called, up to 1024 chars. Default nothing. */
  readonly workstation?: string
  /**
   * The service that the client means, `HTTP/proxy.test`, for servers that compare it: so that no
   * other can use the login. Up to 1024 chars. Default none.
   */
  readonly targetName?: string
  /**
   * The certificate of the server, as `socket.getPeerX509Certificate()` has it. It binds the login
   * to this TLS connection (`tls-server-end-point`), for servers that compare it. Default none.
   */
  readonly certificate?: X509Certificate | undefined
  /**
   * The present, in ms since the epoch, where the server does not say its own; from 1601 to 9999.
   * Default now.
   */
  readonly time?: number
  /** Makes unpredictable octets, for tests. Default node's. */
  readonly random?: (size: number) => Uint8Array
}

/** Credentials of one leg, to be given back when the next challenge comes. */
export interface NtlmAnswer {
  /** The field value. */
  readonly credentials: string
  /**
   * 1: the first leg, to which the server responds with a challenge of its own, on this connection.
   * 3: the last.
   */
  readonly type: 1 | 3
}

/** Of each of the texts. There are no longer ones in use, and all of them fit into a message. */
const MAX_TEXT = 1024
/** From 1601, in which FILETIME begins, to the end of the year 9999. */
const [MIN_TIME, MAX_TIME] = [-11_644_473_600_000, 253_402_300_799_999]
const LONE_SURROGATE = /\p{Cs}/u

/**
 * Answers an NTLM challenge, in two legs on one connection, which is the user's afterwards. The
 * first takes the scheme alone, and may also be sent unasked: `'NTLM'` will do for the challenge.
 * The last takes the challenge that the server has made for it. NTLMv2 alone is spoken.
 *
 * @param challenges - As parsed, or the lines of `Proxy-Authenticate` or `WWW-Authenticate`. Those
 *   of other schemes are ignored.
 * @param previous - What the leg before gave. None: the handshake begins.
 * @returns `null` when there is nothing to answer: NTLM is not offered, or the server has refused
 *   the user, and would refuse again.
 * @throws {MalformedField} The lines do not follow the grammar of challenges.
 * @throws {BadChallenge} The message of the server is malformed, or asks for less than NTLMv2 in
 *   Unicode.
 * @throws {BadOption} The login is wrong: the message names the option, never its value.
 * @see {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/ MS-NLMP},
 *   {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-ntht/ MS-NTHT}
 * @example
 * const login = { username: 'alice', password: 'alice-secret', domain: 'CORP' }
 * const first = answerNtlmChallenge('NTLM', login)
 * // send first.credentials; the 407 has the challenge; on the same connection:
 * answerNtlmChallenge(response.headers['proxy-authenticate'], login, first)?.credentials
 */
export function answerNtlmChallenge (
  challenges: string | readonly string[] | readonly Challenge[], login: NtlmLogin, previous?: NtlmAnswer
): NtlmAnswer | null {
  const client = readLogin(login)
  const offered = toChallenges(challenges).filter(({ scheme }) => scheme.toLowerCase() === 'ntlm')
  const token = offered.find(({ token68 }) => token68 !== undefined)?.token68
  if (previous === undefined) {
    // A challenge that nothing was sent for is of another handshake.
    return offered.length === 0 || token !== undefined ? null : answer(1, formatNegotiateMessage())
  }
  if (token === undefined || previous.type === 3) return null
  return answer(3, formatAuthenticateMessage(client, read(token)))
}

function answer (type: 1 | 3, message: Buffer): NtlmAnswer {
  return { type, credentials: formatCredentials({ scheme: 'NTLM', token68: message.toString('base64') }) }
}

function read (token: string): ReceivedNtlmChallenge {
  try {
    return readChallengeMessage(token)
  } catch (cause) {
    throw new BadChallenge('the NTLM message is malformed', { cause })
  }
}

function readLogin (login: NtlmLogin): NtlmClient {
  const { username, domain = '', workstation = '', targetName, certificate, time = Date.now(), random = randomBytes } = login
  const hash = ntHashOf(login)
  if (hash === undefined) throw new BadOption('password', 'text that is not empty, or else `ntHash` 16 octets', typeof login.password)
  if (username === '') throw new BadOption('username', 'a name', 'none')
  for (const [name, text] of Object.entries({ username, domain, workstation, targetName: targetName ?? '' })) {
    if (typeof text !== 'string' || text.length > MAX_TEXT || LONE_SURROGATE.test(text)) {
      throw new BadOption(name, `Unicode text of up to ${MAX_TEXT} chars`, typeof text)
    }
  }
  if (certificate !== undefined && !(certificate instanceof X509Certificate)) {
    throw new BadOption('certificate', 'an X509Certificate', typeof certificate)
  }
  if (typeof time !== 'number' || !(time >= MIN_TIME && time <= MAX_TIME)) {
    throw new BadOption('time', 'milliseconds since 1970, from 1601 to 9999', typeof time)
  }
  const binding = certificate && channelBinding(certificate.raw)
  return { username, domain, workstation, hash, targetName, channelBinding: binding, now: time, random }
}
