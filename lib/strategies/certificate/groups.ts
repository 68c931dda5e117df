import type { PeerCertificate } from 'node:tls'

/** Where in the subject of a certificate the groups are: `OU`, its organizational units. */
export type CertificateGroups = 'OU'

/**
 * The groups that the subject of a certificate names, in its order, each once and none empty. Names
 * are in Unicode form C, as rules have them; beyond that they are what the authority has written.
 *
 * @returns An empty list where it names none.
 * @see {@link https://www.rfc-editor.org/rfc/rfc4519#section-2.20 RFC 4519, 2.20}
 * @example
 * groupsInCertificate(socket.getPeerCertificate(), 'OU') // ['Engineering', 'On Call']
 */
export function groupsInCertificate ({ subject }: PeerCertificate, where: CertificateGroups): string[] {
  // node gives text for one, a list for several, be they in one RDN or in many.
  const units: string[] = [subject?.[where] ?? []].flat()
  return [...new Set(units.map((unit) => unit.normalize('NFC')))].filter((group) => group !== '')
}
