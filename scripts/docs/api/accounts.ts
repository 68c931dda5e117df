/**
 * Accounts: a handful in the program, or a file of Apache's `htpasswd` or `htdigest`, and one of groups.
 *
 * @module
 */
export { groupFile, htdigest, htpasswd, lookupStatic, verifyStatic } from '../../../lib/index.js'
export type {
  FileUser, FoundAccount, GroupFile, GroupFileOptions, GroupedHtdigestAccount, GroupedUser, HtdigestAccount, HtdigestFile, HtdigestOptions, HtpasswdFile, HtpasswdOptions, StaticAccount,
  StaticLookups, StaticUser, StaticUsers
} from '../../../lib/index.js'
