import { createHash } from 'node:crypto'

/** RFC 5929 takes the hash of the certificate's own signature, SHA-256 for one that is older. */
const HASHES = ['sha256', 'sha384', 'sha512'] as const
/** Identifiers of what signs with a longer one: of RSA, ECDSA, and a parameter of RSA-PSS. */
const LONGER = [
  { name: 'sha384', oids: ['06092a864886f70d01010c', '06082a8648ce3d040303', '0609608648016503040202'] },
  { name: 'sha512', oids: ['06092a864886f70d01010d', '06082a8648ce3d040304', '0609608648016503040203'] }
] as const

/**
 * What a client may say of the TLS it speaks: hashes of the binding `tls-server-end-point`, as NTLM
 * has them. Which of them it is hangs on how the certificate is signed; each is of this certificate
 * and no other.
 *
 * @param certificate - In DER.
 * @see {@link https://www.rfc-editor.org/rfc/rfc5929#section-4.1 RFC 5929, 4.1}; MS-NLMP, 2.2.2.1,
 *   MsvAvChannelBindings
 */
export function channelBindings (certificate: Uint8Array): Buffer[] {
  return HASHES.map((name) => bindingOf(certificate, name))
}

/**
 * That one of them which a client says: with the hash that the certificate is signed with, and with
 * SHA-256 where that is older, or none is named (EdDSA).
 *
 * @param certificate - In DER, well-formed.
 */
export function channelBinding (certificate: Uint8Array): Buffer {
  return bindingOf(certificate, signatureHash(Buffer.from(certificate)))
}

function bindingOf (certificate: Uint8Array, name: typeof HASHES[number]): Buffer {
  const data = Buffer.concat([Buffer.from('tls-server-end-point:'), createHash(name).update(certificate).digest()])
  const head = Buffer.alloc(20) // neither side's address, then the length
  head.writeUInt32LE(data.length, 16)
  return createHash('md5').update(head).update(data).digest()
}

/**
 * The hash of a certificate's own signature, of which its algorithm tells.
 *
 *     Certificate = SEQUENCE { tbsCertificate, signatureAlgorithm, signature }
 */
function signatureHash (certificate: Buffer): typeof HASHES[number] {
  const [start] = contentAt(certificate, 0)
  const [, behindContent] = contentAt(certificate, start)
  const algorithm = certificate.subarray(...contentAt(certificate, behindContent))
  return LONGER.find(({ oids }) => oids.some((oid) => algorithm.includes(oid, 0, 'hex')))?.name ?? 'sha256'
}

/** Where the content of a DER element begins, and where it ends. */
function contentAt (der: Buffer, at: number): [start: number, end: number] {
  const first = der[at + 1]!
  if (first < 0x80) return [at + 2, at + 2 + first]
  const start = at + 2 + (first & 0x7f)
  return [start, der.subarray(at + 2, start).reduce((length, octet) => length * 256 + octet, 0) + start]
}
