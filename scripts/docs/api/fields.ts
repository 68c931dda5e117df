/**
 * Functions that read and write the fields of HTTP authentication, and compare secrets.
 *
 * @module
 */
export {
  Credentials, formatAuthenticationInfo, formatChallenge, formatCredentials, parseAuthenticationInfo, parseChallenges, parseCredentials,
  timingSafeEqualText
} from '../../../lib/index.js'
export type { AuthParams, Challenge, CredentialsParts, ParseOptions } from '../../../lib/index.js'
