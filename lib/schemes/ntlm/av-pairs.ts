import { MalformedCredentials } from '../../errors.js'

/** What an attribute is about (MS-NLMP, 2.2.2.1). Those that matter here. */
export const AV = Object.freeze({
  end: 0,
  computer: 1,
  domain: 2,
  dnsComputer: 3,
  dnsDomain: 4,
  flags: 6,
  timestamp: 7,
  targetName: 9,
  channelBindings: 10
})

/** In the value of `AV.flags`: the message has an integrity code. */
export const MIC_PRESENT = 2

/** Attributes and their values. */
export type AvPairs = ReadonlyMap<number, Buffer>

/**
 * Reads a list of attributes: id and length of two octets each, the value, an end. What is behind
 * the end is not looked at.
 *
 * @throws {MalformedCredentials} It is cut off, or has an attribute twice.
 * @example
 * readAvPairs(Buffer.from('0600040002000000' + '00000000', 'hex')).get(AV.flags)
 * // <Buffer 02 00 00 00>
 */
export function readAvPairs (octets: Buffer): AvPairs {
  const pairs = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= octets.length;) {
    const id = octets.readUInt16LE(at)
    const end = at + 4 + octets.readUInt16LE(at + 2)
    if (id === AV.end) return pairs
    if (end > octets.length || pairs.has(id)) break
    pairs.set(id, octets.subarray(at + 4, end))
    at = end
  }
  throw new MalformedCredentials('the attributes of the NTLM message have no end')
}

/** Writes attributes in this order, and an end. */
export function formatAvPairs (pairs: Iterable<readonly [id: number, value: Buffer]>): Buffer {
  const parts: Buffer[] = []
  for (const [id, value] of [...pairs, [AV.end, Buffer.alloc(0)] as const]) {
    const head = Buffer.alloc(4)
    head.writeUInt16LE(id, 0)
    head.writeUInt16LE(value.length, 2)
    parts.push(head, value)
  }
  return Buffer.concat(parts)
}
