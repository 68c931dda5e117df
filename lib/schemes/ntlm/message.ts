import { MalformedCredentials } from '../../errors.js'
import { FLAGS, has } from './flags.js'
import { decodeMessage, readField } from './payload.js'

/** The message with which a client begins: type 1. */
export interface NegotiateMessage {
  readonly type: 1
  readonly flags: number
  /** As it came. */
  readonly octets: Buffer
}

/** The message with which a client responds to a challenge: type 3. */
export interface AuthenticateMessage {
  readonly type: 3
  readonly flags: number
  readonly lmResponse: Buffer
  readonly ntResponse: Buffer
  readonly domain: string
  readonly user: string
  readonly workstation: string
  readonly encryptedSessionKey: Buffer
  /**
   * The message integrity code; `null` where the message has no room for one. Whether it counts,
   * the response says.
   */
  readonly mic: Buffer | null
  /** As it came. */
  readonly octets: Buffer
}

/** The least that a type 3 has before what its fields stand for. */
const HEAD = 64
/** Where the integrity code of a type 3 is, behind its fields, flags and version. */
export const MIC_START = 72
const MIC_LENGTH = 16
const UTF_16 = new TextDecoder('utf-16le', { fatal: true, ignoreBOM: true })

/**
 * Reads a message of a client out of the token68 of its credentials. What it says of lengths and
 * places is checked before anything is read there.
 *
 * @throws {MalformedCredentials} It is none of types 1 and 3, or is cut off, or has more than 16
 *   KiB.
 * @see
 *   {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/b38c36ed-2804-4868-a9ff-8dd3182128e4 MS-NLMP, 2.2.1}
 * @example
 * readMessage('TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=').type // 1
 */
export function readMessage (token: string): NegotiateMessage | AuthenticateMessage {
  const octets = decodeMessage(token)
  const type = octets.readUInt32LE(8)
  if (type === 1) return { type, flags: octets.readUInt32LE(12), octets }
  if (type === 3) return readAuthenticate(octets)
  throw new MalformedCredentials('not an NTLM message that a client sends')
}

function readAuthenticate (octets: Buffer): AuthenticateMessage {
  if (octets.length < HEAD) throw new MalformedCredentials('the NTLM message is cut off')
  const flags = octets.readUInt32LE(60)
  const lmResponse = readField(octets, 12, HEAD)
  const ntResponse = readField(octets, 20, HEAD)
  const fields = [28, 36, 44].map((at) => readField(octets, at, HEAD))
  const [domain, user, workstation] = fields.map((field) => readText(field, flags)) as [string, string, string]
  const encryptedSessionKey = readField(octets, 52, HEAD)
  // Nothing says that it is there, but where the first of what is behind it begins.
  const starts = [12, 20, 28, 36, 44, 52]
    .filter((at) => octets.readUInt16LE(at) > 0)
    .map((at) => octets.readUInt32LE(at + 4))
  const payload = Math.min(octets.length, ...starts)
  const mic = payload >= MIC_START + MIC_LENGTH ? octets.subarray(MIC_START, MIC_START + MIC_LENGTH) : null
  return { type: 3, flags, lmResponse, ntResponse, domain, user, workstation, encryptedSessionKey, mic, octets }
}

/** A type 3 as its integrity code was made over it: with zeros in its place. */
export function withoutMic ({ octets }: AuthenticateMessage): Buffer {
  const copy = Buffer.from(octets)
  copy.fill(0, MIC_START, MIC_START + MIC_LENGTH)
  return copy
}

function readText (octets: Buffer, flags: number): string {
  // Nothing says which code page it would be. ASCII is the same in all.
  if (!has(flags, FLAGS.unicode)) return octets.toString('latin1')
  try {
    return UTF_16.decode(octets)
  } catch {
    throw new MalformedCredentials('a text of the NTLM message is no UTF-16')
  }
}
