import { timingSafeEqual } from 'node:crypto'
import { AV, MIC_PRESENT, readAvPairs } from './av-pairs.js'
import type { AvPairs } from './av-pairs.js'
import { FLAGS, has } from './flags.js'
import { exchangedKey, messageIntegrityCode, ntProof, ntowfv2, sessionBaseKey } from './keys.js'
import { withoutMic } from './message.js'
import type { AuthenticateMessage } from './message.js'

/** What the legs before have left. */
export interface NtlmContext {
  readonly serverChallenge: Buffer
  /** Types 1 and 2, as they went over the wire. */
  readonly negotiate: Buffer
  readonly challenge: Buffer
}

/** The response of version 2, taken apart. */
export interface NtlmV2Response {
  readonly proof: Buffer
  /** What the proof is over, beside the challenge. */
  readonly rest: Buffer
  readonly pairs: AvPairs
}

const PROOF = 16
const SESSION_KEY = 16
/** Versions, time, the client's challenge, and what is reserved, before the attributes. */
const FIXED = 28

/**
 * Takes a response apart: that of version 2, since the others fall to an attacker that records one.
 *
 * @returns `'anonymous'` where there is none, `'version'` for LM and NTLMv1.
 * @throws {MalformedCredentials} Its attributes have no end.
 */
export function readResponse ({ user, ntResponse, flags }: AuthenticateMessage): NtlmV2Response | 'anonymous' | 'version' {
  if (has(flags, FLAGS.anonymous) || (user === '' && ntResponse.length === 0)) return 'anonymous'
  if (ntResponse.length < PROOF + FIXED + 4 || ntResponse[PROOF] !== 1 || ntResponse[PROOF + 1] !== 1) return 'version'
  const rest = ntResponse.subarray(PROOF)
  return { proof: ntResponse.subarray(0, PROOF), rest, pairs: readAvPairs(rest.subarray(FIXED)) }
}

/**
 * Whether a response proves to know the password, and what the client protected came unchanged.
 *
 * @param hash - The NT hash of the user's password.
 */
export function verifyResponse (message: AuthenticateMessage, response: NtlmV2Response, hash: Buffer, context: NtlmContext): 'right' | 'response' | 'mic' {
  const { proof, rest, pairs } = response
  const key = ntowfv2(hash, message.user, message.domain)
  if (!timingSafeEqual(proof, ntProof(key, context.serverChallenge, rest))) return 'response'
  const flags = pairs.get(AV.flags)
  if (flags === undefined || flags.length !== 4 || !has(flags.readUInt32LE(), MIC_PRESENT)) return 'right'
  if (message.mic === null) return 'mic'
  const session = sessionKey(message, sessionBaseKey(key, proof))
  if (session === null) return 'mic'
  const mic = messageIntegrityCode(session, context.negotiate, context.challenge, withoutMic(message))
  return timingSafeEqual(message.mic, mic) ? 'right' : 'mic'
}

/**
 * The key that the client made its integrity code with. One that it has chosen has 16 octets: with
 * less, a code could be made, or guessed, by others who do not know the password. The flag alone
 * does not say that there is one, since MS-NLMP (3.1.5.1.2) leaves it out where nothing is signed.
 *
 * @returns `null` where it has another length.
 */
function sessionKey ({ flags, encryptedSessionKey }: AuthenticateMessage, base: Buffer): Buffer | null {
  if (!has(flags, FLAGS.keyExchange) || encryptedSessionKey.length === 0) return base
  return encryptedSessionKey.length === SESSION_KEY ? exchangedKey(base, encryptedSessionKey) : null
}
