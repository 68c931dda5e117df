import type { PeerCertificate } from 'node:tls'

/** The CN of the subject, or a kind of subjectAltName. */
export type CertificateName = 'CN' | 'email' | 'URI' | 'DNS'

/**
 * The one name of its kind in a certificate.
 *
 *     subjectaltname = entry *( ", " entry )      ; as node writes it
 *     entry          = kind ":" ( value / JSON-string )
 *
 * @returns `undefined` for none, and for several: it would be arbitrary which of them
 *   counts.
 * @see {@link https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6 RFC 5280, 4.2.1.6}
 * @example
 * nameInCertificate(socket.getPeerCertificate(), 'email') // 'alice@example.org'
 */
export function nameInCertificate ({ subject, subjectaltname = '' }: PeerCertificate, where: CertificateName): string | undefined {
  const names = where === 'CN' ? [subject?.CN ?? []].flat() : alternativeNames(subjectaltname, where)
  const [name] = names
  return names.length === 1 && name !== '' ? name : undefined
}

function alternativeNames (text: string, kind: string): string[] {
  // Node quotes a value that could be taken for more than one entry. Such a name is no user's.
  if (text.includes('"')) return []
  return text.split(', ').flatMap((entry) => entry.startsWith(`${kind}:`) ? [entry.slice(kind.length + 1)] : [])
}
