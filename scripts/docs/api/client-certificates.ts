/**
 * Client certificates of TLS as an identity.
 *
 * @module
 */
export { ClientCertificateStrategy } from '../../../lib/index.js'
export type { CertificateGroups, CertificateName, ClientCertificateOptions, VerifyCertificate } from '../../../lib/index.js'
