/**
 * Bearer (RFC 6750): a token with every request.
 *
 * @module
 */
export { BearerStrategy } from '../../../lib/index.js'
export type { BearerError, BearerErrorCode, BearerOptions, VerifyToken } from '../../../lib/index.js'
