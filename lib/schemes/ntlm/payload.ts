import { MalformedCredentials } from '../../errors.js'

const SIGNATURE = Buffer.from('NTLMSSP\0', 'latin1')
/** No message of use has more: names may be long, a client repeats the attributes of the server. */
const MAX_LENGTH = 16 * 1024
const TOKEN = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** A version for those messages that have room for it. Only its last octet has a meaning. */
export const VERSION = Object.freeze([10, 0, 0, 0, 0, 0, 0, 15])

/**
 * Takes a message out of the token68 of a field: its signature is right, and it has a type.
 *
 * @throws {MalformedCredentials} It is no message, or has more than 16 KiB.
 */
export function decodeMessage (token: string): Buffer {
  if (token.length > MAX_LENGTH * 4 / 3 + 4) throw new MalformedCredentials('the NTLM message is too long')
  if (!TOKEN.test(token)) throw new MalformedCredentials('the NTLM message is not Base64')
  const octets = Buffer.from(token, 'base64')
  if (octets.length < 16 || !octets.subarray(0, 8).equals(SIGNATURE)) throw new MalformedCredentials('not an NTLM message')
  return octets
}

/**
 * Reads a field: length (2 octets), room (2, without a meaning), place (4).
 *
 * @param at - Where in the head it is.
 * @param head - How long the head is at least. No field is there.
 * @throws {MalformedCredentials} What it stands for is not within the message, behind the head.
 */
export function readField (octets: Buffer, at: number, head: number): Buffer {
  const length = octets.readUInt16LE(at)
  const start = octets.readUInt32LE(at + 4)
  if (length === 0) return octets.subarray(0, 0)
  if (start < head || start + length > octets.length) throw new MalformedCredentials('a field of the NTLM message is outside of it')
  return octets.subarray(start, start + length)
}

/**
 * Writes a message: the signature, the type, zeros for the rest of its head, and what its fields
 * stand for.
 *
 * @param head - How long the head is.
 * @param fields - Where in the head each is. The order is that of their values.
 */
export function formatMessage (
  type: number, head: number, fields: ReadonlyArray<readonly [at: number, value: Buffer]>
): Buffer {
  const message = Buffer.concat([Buffer.alloc(head), ...fields.map(([, value]) => value)])
  SIGNATURE.copy(message)
  message.writeUInt32LE(type, 8)
  let start = head
  for (const [at, { length }] of fields) {
    message.writeUInt16LE(length, at)
    message.writeUInt16LE(length, at + 2)
    message.writeUInt32LE(start, at + 4)
    start += length
  }
  return message
}

/** Text as all fields have it, and all attributes. */
export function utf16 (text: string): Buffer {
  return Buffer.from(text, 'utf16le')
}
