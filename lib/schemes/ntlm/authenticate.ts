import { BadChallenge } from '../../errors.js'
import { AV, MIC_PRESENT, formatAvPairs } from './av-pairs.js'
import { filetime } from './challenge.js'
import type { ReceivedNtlmChallenge } from './challenge.js'
import { FLAGS, has } from './flags.js'
import { messageIntegrityCode, ntProof, ntowfv2, sessionBaseKey } from './keys.js'
import { MIC_START } from './message.js'
import { VERSION, formatMessage, utf16 } from './payload.js'
import { rc4 } from './rc4.js'

/** What the last message of a client is made of. */
export interface NtlmClient {
  readonly username: string
  readonly domain: string
  readonly workstation: string
  /** The NT hash of the password. */
  readonly hash: Buffer
  /** What the client says of where it believes to be. */
  readonly targetName: string | undefined
  readonly channelBinding: Buffer | undefined
  /** In milliseconds since 1970. */
  readonly now: number
  readonly random: (size: number) => Uint8Array
}

/**
 * What is asked for. To sign is among it, though HTTP has nothing to sign: without that, servers
 * disagree on whether a key is exchanged, as older and newer editions of MS-NLMP (3.2.5.1.2) do.
 */
const ASKED = (FLAGS.unicode | FLAGS.requestTarget | FLAGS.sign | FLAGS.ntlm | FLAGS.alwaysSign |
  FLAGS.extendedSessionSecurity | FLAGS.version | FLAGS.key128 | FLAGS.keyExchange | FLAGS.key56) >>> 0
/** What a server must say. One that leaves any of it out asks for what falls to an attacker. */
const DEMANDED = FLAGS.unicode | FLAGS.ntlm | FLAGS.extendedSessionSecurity | FLAGS.targetInfo
const NEGOTIATE_HEAD = 40
const AUTHENTICATE_HEAD = 88
const NOTHING = Buffer.alloc(0)

/**
 * Writes the message with which a client begins: type 1, always the same. It has a version, and so
 * neither the domain nor the name of the computer.
 *
 * @see
 *   {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/b535636e-49c4-43af-8685-801cc381882f MS-NLMP, 3.1.5.1.1}
 */
export function formatNegotiateMessage (): Buffer {
  const message = formatMessage(1, NEGOTIATE_HEAD, [[16, NOTHING], [24, NOTHING]])
  message.writeUInt32LE(ASKED, 12)
  message.set(VERSION, 32)
  return message
}

/**
 * Writes the response to a challenge: type 3, NTLMv2. Where the server has said its time, an
 * integrity code over all three messages takes the place of the LM response.
 *
 * What the server says of integrity, of TLS and of the target is not repeated: a server in between
 * would have the client say, under its proof, that it meant another one.
 *
 * @throws {BadChallenge} The server leaves out Unicode, NTLM, extended session security, or its
 *   attributes.
 * @see
 *   {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/c0250a97-2940-40c7-82fb-20d208c71e96 MS-NLMP, 3.1.5.1.2}
 */
export function formatAuthenticateMessage (
  { username, domain, workstation, hash, targetName, channelBinding, now, random }: NtlmClient,
  challenge: ReceivedNtlmChallenge
): Buffer {
  if ((challenge.flags & DEMANDED) !== DEMANDED) throw new BadChallenge('the NTLM message asks for less than NTLMv2')
  const { serverChallenge } = challenge
  const pairs = new Map(challenge.attributes)
  const time = pairs.get(AV.timestamp)
  for (const id of [AV.flags, AV.channelBindings, AV.targetName]) pairs.delete(id)
  if (time !== undefined) pairs.set(AV.flags, Buffer.from([MIC_PRESENT, 0, 0, 0]))
  if (channelBinding !== undefined) pairs.set(AV.channelBindings, channelBinding)
  if (targetName !== undefined) pairs.set(AV.targetName, utf16(targetName))

  const clientChallenge = Buffer.from(random(8))
  const rest = Buffer.concat([
    Buffer.from([1, 1, 0, 0, 0, 0, 0, 0]), time ?? filetime(now), clientChallenge, Buffer.alloc(4),
    formatAvPairs(pairs), Buffer.alloc(4)
  ])
  const key = ntowfv2(hash, username, domain)
  const proof = ntProof(key, serverChallenge, rest)
  const lmResponse = time === undefined
    ? Buffer.concat([ntProof(key, serverChallenge, clientChallenge), clientChallenge])
    : Buffer.alloc(24)

  const exchanges = has(challenge.flags, FLAGS.keyExchange) && has(challenge.flags, FLAGS.sign)
  const baseKey = sessionBaseKey(key, proof)
  const sessionKey = exchanges ? Buffer.from(random(16)) : baseKey
  const message = formatMessage(3, AUTHENTICATE_HEAD, [
    [28, utf16(domain)], [36, utf16(username)], [44, utf16(workstation)],
    [12, lmResponse], [20, Buffer.concat([proof, rest])], [52, exchanges ? rc4(baseKey, sessionKey) : NOTHING]
  ])
  const agreed = (ASKED | FLAGS.targetInfo) & challenge.flags & (exchanges ? ~0 : ~FLAGS.keyExchange)
  message.writeUInt32LE(agreed >>> 0, 60)
  message.set(VERSION, 64)
  if (time !== undefined) {
    message.set(messageIntegrityCode(sessionKey, formatNegotiateMessage(), challenge.octets, message), MIC_START)
  }
  return message
}
