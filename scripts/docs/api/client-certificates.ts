/**
 * Client certificates of TLS as an identity.
 *
 * @module
 */
export { ClientCertificateStrategy } from '../../../lib/index.js'
export type { CertificateName, ClientCertificateOptions, VerifyCertificate } from '../../../lib/index.js'
