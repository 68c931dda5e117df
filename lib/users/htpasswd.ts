import { availableParallelism } from 'node:os'
import { BadOption } from '../errors.js'
import { readInteger } from '../check-option.js'
import type { UserPass } from '../schemes/basic.js'
import { hashOfText } from '../schemes/equal-text.js'
import { knowingAccounts } from '../store/known-accounts.js'
import { reloadSources } from '../store/reload-sources.js'
import { holdsWhile, validityOf } from '../store/validity.js'
import { ConcurrencyLimit } from '../concurrency-limit.js'
import { openWatchedFile } from '../watched-file.js'
import type { WatchedFileOptions } from '../watched-file.js'
import { eachLine } from './each-line.js'
import { groupsFor } from './group-file.js'
import type { FileUser, GroupFile, GroupedUser } from './group-file.js'
import { COST_LIMITS, clearPassword, readPasswordHash } from './password-hash.js'
import type { CostLimits, PasswordHash } from './password-hash.js'

/** Options of {@link htpasswd}. */
export interface HtpasswdOptions extends WatchedFileOptions {
  /**
   * Takes what is not a hash for a password in cleartext. Without it such a line is an error.
   *
   * @defaultValue `false`
   */
  readonly cleartext?: boolean
  /**
   * How many slow hashes are computed at a time. Each keeps a processor busy and a thread of
   * libuv's pool, which files and names need as well. The default leaves room for them while a
   * flood of wrong passwords is checked. From 1 to 1024.
   *
   * @unit threads
   * @defaultValue one less than there are threads (`UV_THREADPOOL_SIZE`, 4) or processors, and 1 at
   *   least
   */
  readonly threads?: number
  /**
   * The highest cost of bcrypt that is accepted. A line with a higher one is an error, because each
   * guess at it would take minutes of a processor. From 4 to 31. A hash of cost 15 takes about
   * three seconds.
   *
   * @defaultValue `15`
   */
  readonly maxBcryptCost?: number
  /**
   * The most work of Argon2 that is accepted: memory times passes. A line with more is an error.
   * From 8 to 2^40.
   *
   * @unit KiB × passes
   * @defaultValue `4194304` (4 GiB once)
   */
  readonly maxArgon2Work?: number
  /**
   * A file of groups, by its name or as `groupFile` gives it: the user object has a list `groups`.
   * Opened by its name, it is read again and closed as the file of accounts is.
   *
   * @defaultValue none
   */
  readonly groups?: string | GroupFile
}

/** The users of an `htpasswd` file. */
export interface HtpasswdFile<User extends FileUser = FileUser> {
  /**
   * For the option of the same name of `BasicStrategy`; accepts with `{ username }`, and with
   * `groups` where there is that option.
   */
  verify (pair: UserPass): Promise<User | null>
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

interface HtpasswdLine {
  readonly hash: PasswordHash
  /** Another one when the line says something else. */
  readonly mark: Buffer
}

interface Accounts {
  readonly byName: ReadonlyMap<string, HtpasswdLine>
  /** Compared with for users that do not exist, so that they cost what others do. */
  readonly nobodys: PasswordHash
}

/** As much as Apache's `htpasswd` takes, and more: longer ones would be a way to make us work. */
const LONGEST = 1024

/**
 * Opens a file of users and passwords, as Apache's `htpasswd` writes it. Put a cache before it:
 * good hashes are slow.
 *
 *     line = user ":" ( bcrypt / argon2 / apr1 / "{SHA}" base64 )
 *
 * Empty lines and those with `#` in front are comments; of two lines for a user the last counts.
 * Names are UTF-8 and compared in Unicode form C. bcrypt needs the package @node-rs/bcrypt, Argon2
 * @node-rs/argon2. A changed file is read anew when a user is next looked up; one that cannot be
 * taken over changes nothing and is logged.
 *
 * A user that does not exist costs what most users of the file cost, so keep to one kind of hash.
 *
 * @throws {BadOption} An option is wrong, or the file has a line that is none: the message says
 *   which.
 * @throws {MissingPackage} A package is missing. The message names it.
 * @throws {Error} The file cannot be read.
 * @see {@link https://httpd.apache.org/docs/2.4/programs/htpasswd.html htpasswd}
 * @example
 * const users = htpasswd('/etc/proxy/users', { log: (problem) => app.log.error(problem) })
 * new BasicStrategy({ verify: users.verify, cache: true })
 */
export function htpasswd (path: string, options: HtpasswdOptions & Required<Pick<HtpasswdOptions, 'groups'>>): HtpasswdFile<GroupedUser>
export function htpasswd (path: string, options?: HtpasswdOptions): HtpasswdFile
export function htpasswd (path: string, options: HtpasswdOptions = {}): HtpasswdFile {
  const {
    groups: withGroups, cleartext = false, threads = usualThreads(),
    maxBcryptCost = COST_LIMITS.maxBcryptCost, maxArgon2Work = COST_LIMITS.maxArgon2Work, ...rest
  } = options
  if (typeof cleartext !== 'boolean') throw new BadOption('cleartext', 'true or false', typeof cleartext)
  readInteger(threads, 'threads', 1, 1024)
  readInteger(maxBcryptCost, 'maxBcryptCost', 4, 31)
  readInteger(maxArgon2Work, 'maxArgon2Work', 8, 2 ** 40)
  const limits = { maxBcryptCost, maxArgon2Work }
  const file = openWatchedFile(path, (text) => parse(text, cleartext, limits), rest)
  const groups = groupsFor(withGroups, rest)
  // The runner of the strategy limits how many wait here.
  const turns = new ConcurrencyLimit({ concurrency: threads, queue: Infinity })

  const verify = async ({ username, password }: UserPass) => {
    const { byName, nobodys } = await file.read()
    const known = byName.get(username)
    const hash = known?.hash ?? nobodys
    const tooLong = Buffer.byteLength(password) > LONGEST
    const compare = () => hash.verify(tooLong ? '' : password)
    const right = await (hash.slow ? turns.take(compare) : compare())
    if (!right || tooLong || known === undefined) return null
    const isSame = (): boolean => {
      file.read() // a changed file is noticed although all users are remembered
      return file.latest.byName.get(username)?.mark.equals(known.mark) === true
    }
    if (groups === null) return holdsWhile({ username }, isSame)
    const theirs = await groups.groupsOf(username)
    const user = { username, groups: [...theirs] }
    const areSame = validityOf(theirs)
    return areSame === undefined ? user : holdsWhile(user, () => isSame() && areSame())
  }
  const reload = async (): Promise<void> => { await reloadSources(file, groups) }
  return Object.freeze({
    verify: knowingAccounts(Object.assign(verify, { reload }), (name) => file.latest.byName.has(name)),
    reload,
    async close () { await Promise.all([file.close(), groups?.close()]) }
  })
}

function parse (text: string, cleartext: boolean, limits: CostLimits): Accounts {
  const byName = new Map<string, HtpasswdLine>()
  eachLine(text, (line, number) => {
    const colon = line.indexOf(':')
    const password = line.slice(colon + 1)
    // What looks like a hash that we do not know is no password.
    const clear = cleartext && !/^[${]/.test(password)
    const hash = colon === -1 ? null : readPasswordHash(password, limits) ?? (clear ? clearPassword(password.normalize('NFC')) : null)
    if (hash === null) {
      throw new BadOption('path', 'a file of lines user:hash, with bcrypt, Argon2 (neither too dear), apr1 or {SHA}', `another line ${number}`)
    }
    byName.set(line.slice(0, colon).normalize('NFC'), { hash, mark: hashOfText(password) })
  })
  return { byName, nobodys: mostCommon([...byName.values()].map(({ hash }) => hash)).sham() }
}

function mostCommon (hashes: readonly PasswordHash[]): PasswordHash {
  const counts = new Map<string, number>()
  let most = hashes[0] ?? clearPassword('')
  for (const hash of hashes) {
    counts.set(hash.kind, (counts.get(hash.kind) ?? 0) + 1)
    if (counts.get(hash.kind)! > counts.get(most.kind)!) most = hash
  }
  return most
}

function usualThreads (): number {
  const pool = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4)
  return Math.max(1, Math.min(Number.isInteger(pool) ? pool : 4, availableParallelism()) - 1)
}
