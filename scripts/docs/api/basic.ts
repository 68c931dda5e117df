/**
 * Basic (RFC 7617): a user name and a password with every request.
 *
 * @module
 */
export { BasicStrategy } from '../../../lib/index.js'
export type { BasicOptions, UserPass, VerifyUserPass } from '../../../lib/index.js'
