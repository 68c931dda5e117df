import { BadOption } from '../errors.js'
import { isThenable } from '../eventual.js'
import { findDigestAlgorithm } from '../schemes/digest/algorithm.js'
import type { DigestHash } from '../schemes/digest/algorithm.js'
import { computeUserhash } from '../schemes/digest/response.js'
import { knowingAccounts } from '../store/known-accounts.js'
import { reloadSources } from '../store/reload-sources.js'
import { openWatchedFile } from '../watched-file.js'
import type { WatchedFileOptions } from '../watched-file.js'
import { eachLine } from './each-line.js'
import { groupsFor } from './group-file.js'
import type { GroupFile, GroupedUser } from './group-file.js'

/** What the file says of a user. */
export interface HtdigestAccount {
  readonly username: string
  /** In lower-case hex. */
  readonly ha1: string
}

/** What the file says of a user, and a file of groups beside it. */
export interface GroupedHtdigestAccount extends HtdigestAccount {
  readonly user: GroupedUser
}

/** Options of {@link htdigest}. */
export interface HtdigestOptions extends WatchedFileOptions {
  /**
   * A file of groups, by its name or as `groupFile` gives it: the user object has a list `groups`.
   * Opened by its name, it is read again and closed as the file of accounts is.
   *
   * @defaultValue none
   */
  readonly groups?: string | GroupFile
}

/**
 * The users of an `htdigest` file: `lookup` and `lookupHash` are for the options of the same names
 * of `DigestStrategy`.
 */
export interface HtdigestFile<Account extends HtdigestAccount = HtdigestAccount> {
  lookup (username: string, realm: string, hash: DigestHash): Account | null | Promise<Account | null>
  lookupHash (userhash: string, realm: string, hash: DigestHash): Account | null | Promise<Account | null>
  /**
   * Reads the files now, as `app.proxyAuthReload()` has it do.
   *
   * @throws Why one cannot be taken over. What it said before stays.
   */
  reload (): Promise<void>
  /**
   * Ends looking for changes; resolves when none is being read any more. What has been read stays.
   */
  close (): Promise<void>
}

type HtdigestResult = HtdigestAccount | null | Promise<HtdigestAccount | null>

interface Users {
  /** By hash, realm and name. */
  readonly byName: ReadonlyMap<string, HtdigestAccount>
  /** By hash, realm and hash of the name. */
  readonly byUserhash: ReadonlyMap<string, HtdigestAccount>
}

const HEX = /^[0-9a-f]+$/i
/** SHA-512-256 has 64 digits too, but no tool writes it. */
const HASHES = new Map<number, DigestHash>([[32, 'MD5'], [64, 'SHA-256']])

/**
 * Opens a file of users and their HA1s, as Apache's `htdigest` writes it.
 *
 *     line = user ":" realm ":" ( 32HEXDIG / 64HEXDIG )   ; MD5, or SHA-256 of newer tools
 *
 * Empty lines and those with `#` in front are comments. A user may have a line for each realm and
 * hash; of two for the same the last counts. Names are UTF-8 and compared in Unicode form C.
 *
 * A changed file is read anew when a user is next looked up, and taken over as a whole. One that
 * cannot be read, or has a line that is none, changes nothing and is logged. At the start it is an
 * error.
 *
 * @throws {BadOption} An option is wrong, or the file has a line that is none: the message says
 *   which.
 * @throws {Error} The file cannot be read.
 * @see {@link https://httpd.apache.org/docs/2.4/programs/htdigest.html htdigest}
 * @example
 * const users = htdigest('/etc/proxy/users', { log: (problem) => app.log.error(problem) })
 * new DigestStrategy({ lookup: users.lookup, lookupHash: users.lookupHash, algorithms: ['MD5'] })
 */
export function htdigest (path: string, options: HtdigestOptions & Required<Pick<HtdigestOptions, 'groups'>>): HtdigestFile<GroupedHtdigestAccount>
export function htdigest (path: string, options?: HtdigestOptions): HtdigestFile
export function htdigest (path: string, { groups: withGroups, ...options }: HtdigestOptions = {}): HtdigestFile {
  const file = openWatchedFile(path, parse, options)
  const groups = groupsFor(withGroups, options)

  function withTheirGroups (account: HtdigestAccount | undefined): HtdigestResult {
    if (account === undefined) return null
    if (groups === null) return account
    const { username } = account
    const found = groups.groupsOf(username)
    const join = (all: readonly string[]): GroupedHtdigestAccount =>
      ({ ...account, user: { username, groups: [...all] } })
    return isThenable(found) ? Promise.resolve(found.then(join)) : join(found)
  }

  function find (map: keyof Users, name: string, realm: string, hash: DigestHash): HtdigestResult {
    const users = file.read()
    const key = keyOf(hash, realm, name)
    if (users instanceof Promise) return users.then((later) => withTheirGroups(later[map].get(key)))
    return withTheirGroups(users[map].get(key))
  }

  const reload = async (): Promise<void> => { await reloadSources(file, groups) }
  const lookup = (username: string, realm: string, hash: DigestHash): HtdigestResult => find('byName', username, realm, hash)
  const lookupHash = (userhash: string, realm: string, hash: DigestHash): HtdigestResult => find('byUserhash', userhash, realm, hash)
  return Object.freeze({
    lookup: knowingAccounts(
      Object.assign(lookup, { reload }),
      (name) => [...file.latest.byName.values()].some(({ username }) => username === name)
    ),
    lookupHash: Object.assign(lookupHash, { reload }),
    reload,
    async close () { await Promise.all([file.close(), groups?.close()]) }
  })
}

function parse (text: string): Users {
  const byName = new Map<string, HtdigestAccount>()
  const byUserhash = new Map<string, HtdigestAccount>()
  eachLine(text, (line, number) => {
    // A realm may have colons in it, names and hashes have none.
    const first = line.indexOf(':')
    const last = line.lastIndexOf(':')
    const ha1 = line.slice(last + 1)
    const hash = HASHES.get(ha1.length)
    if (first === last || hash === undefined || !HEX.test(ha1)) {
      throw new BadOption('path', 'a file of lines user:realm:hash', `another line ${number}`)
    }
    const username = line.slice(0, first).normalize('NFC')
    const realm = line.slice(first + 1, last)
    const account = Object.freeze({ username, ha1: ha1.toLowerCase() })
    byName.set(keyOf(hash, realm, username), account)
    byUserhash.set(keyOf(hash, realm, computeUserhash(findDigestAlgorithm(hash)!, username, realm)), account)
  })
  return { byName, byUserhash }
}

// Realms may have colons, names may not, and neither has a line end.
function keyOf (hash: DigestHash, realm: string, name: string): string {
  return `${hash}\n${name}\n${realm}`
}
