import { createHash } from 'node:crypto'

/** RFC 5929 takes the hash of the certificate's own signature, SHA-256 for one that is older. */
const HASHES = ['sha256', 'sha384', 'sha512'] as const

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
  return HASHES.map((name) => {
    const data = Buffer.concat([Buffer.from('tls-server-end-point:'), createHash(name).update(certificate).digest()])
    const head = Buffer.alloc(20) // neither side's address, then the length
    head.writeUInt32LE(data.length, 16)
    return createHash('md5').update(head).update(data).digest()
  })
}
