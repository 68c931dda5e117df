import { MalformedCredentials } from '../../errors.js'
import { AV, formatAvPairs, readAvPairs } from './av-pairs.js'
import type { AvPairs } from './av-pairs.js'
import { FLAGS, has } from './flags.js'
import { VERSION, decodeMessage, formatMessage, readField, utf16 } from './payload.js'

/** What a challenge is made of. */
export interface NtlmChallenge {
  /** Of the type 1 that it answers. */
  readonly clientFlags: number
  /** 8 random octets, used once. */
  readonly serverChallenge: Buffer
  /** What the server calls itself and its domain, in NetBIOS names and DNS names. */
  readonly names: NtlmNames
  /**
   * The present, in milliseconds since 1970. It makes clients protect the message with an integrity
   * code.
   */
  readonly now: number
}

/** What a client needs of the challenge that it got. */
export interface ReceivedNtlmChallenge {
  readonly flags: number
  readonly serverChallenge: Buffer
  readonly attributes: AvPairs
  /** As it came. */
  readonly octets: Buffer
}

export interface NtlmNames {
  readonly computer: string
  readonly domain: string
  readonly dnsComputer: string
  readonly dnsDomain: string
}

/** Said whatever the client asked for. */
const ALWAYS = FLAGS.requestTarget | FLAGS.ntlm | FLAGS.alwaysSign | FLAGS.targetTypeServer |
  FLAGS.extendedSessionSecurity | FLAGS.targetInfo | FLAGS.version
/** Said where the client asked for it. They are about what would come after, which HTTP has not. */
const AS_ASKED = FLAGS.sign | FLAGS.seal | FLAGS.keyExchange | FLAGS.key128 | FLAGS.key56
/** Of 1601, in which FILETIME begins, before that of 1970. */
const EPOCH = 11_644_473_600_000n
const HEAD = 56
/** The least that it has: some leave out the version. */
const LEAST_HEAD = 48

/**
 * Writes the message with which a server asks: type 2.
 *
 * @see
 *   {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/801a4681-8809-4be9-ab0d-61dcfe762786 MS-NLMP, 2.2.1.2}
 */
export function formatChallengeMessage ({ clientFlags, serverChallenge, names, now }: NtlmChallenge): Buffer {
  const unicode = has(clientFlags, FLAGS.unicode)
  const targetName = unicode ? utf16(names.computer) : Buffer.from(names.computer, 'latin1')
  const targetInfo = formatAvPairs([
    [AV.domain, utf16(names.domain)], [AV.computer, utf16(names.computer)],
    [AV.dnsDomain, utf16(names.dnsDomain)], [AV.dnsComputer, utf16(names.dnsComputer)], [AV.timestamp, filetime(now)]
  ])
  const message = formatMessage(2, HEAD, [[12, targetName], [40, targetInfo]])
  message.writeUInt32LE((ALWAYS | (clientFlags & AS_ASKED) | (unicode ? FLAGS.unicode : FLAGS.oem)) >>> 0, 20)
  serverChallenge.copy(message, 24)
  message.set(VERSION, 48)
  return message
}

/**
 * Reads such a message, as a client does, out of the token68 of the challenge. The name of the
 * target is not looked at: it is for people.
 *
 * @throws {MalformedCredentials} It is no type 2, is cut off, has more than 16 KiB, or attributes
 *   without an end.
 */
export function readChallengeMessage (token: string): ReceivedNtlmChallenge {
  const octets = decodeMessage(token)
  if (octets.readUInt32LE(8) !== 2) throw new MalformedCredentials('not an NTLM message that a server sends')
  if (octets.length < LEAST_HEAD) throw new MalformedCredentials('the NTLM message is cut off')
  const attributes = readAvPairs(readField(octets, 40, LEAST_HEAD))
  const time = attributes.get(AV.timestamp)
  if (time !== undefined && time.length !== 8) throw new MalformedCredentials('the time in the NTLM message is none')
  return { flags: octets.readUInt32LE(20), serverChallenge: octets.subarray(24, 32), attributes, octets }
}

/** A time in milliseconds since 1970, as NTLM has it: 100 nanoseconds each, since 1601. */
export function filetime (now: number): Buffer {
  const time = Buffer.alloc(8)
  time.writeBigUInt64LE((BigInt(Math.trunc(now)) + EPOCH) * 10_000n)
  return time
}
