/**
 * Accounts: a handful in the program, or a file of Apache's `htpasswd` or `htdigest`.
 *
 * @module
 */
export { htdigest, htpasswd, lookupStatic, verifyStatic } from '../../../lib/index.js'
export type {
  FoundAccount, HtdigestAccount, HtdigestFile, HtdigestOptions, HtpasswdFile, HtpasswdOptions, StaticAccount, StaticLookups, StaticUser, StaticUsers
} from '../../../lib/index.js'
