import { BadOption } from '../errors.js'
import { isObject } from '../check-option.js'
import type { Eventual } from '../eventual.js'
import { holdsWhile } from '../store/validity.js'
import { openWatchedFile } from '../watched-file.js'
import type { WatchedFileOptions } from '../watched-file.js'
import { eachLine } from './each-line.js'

/** Options of {@link groupFile}. */
export interface GroupFileOptions extends WatchedFileOptions {}

/** The groups of a file. */
export interface GroupFile {
  /** The groups of a user, in the order of the file. A user that is in none has an empty list. */
  groupsOf (username: string): Eventual<readonly string[]>
  /**
   * Reads the file now.
   *
   * @throws Why it cannot be taken over. The groups before stay.
   */
  reload (): Promise<void>
  /**
   * Ends looking for changes; resolves when the file is not being read any more. What has been read
   * stays.
   */
  close (): Promise<void>
}

/** A user of a file of accounts. */
export interface FileUser {
  readonly username: string
}

/** A user of a file of accounts that has a file of groups beside it. */
export interface GroupedUser extends FileUser {
  /** In the order of the file. */
  readonly groups: string[]
}

type Groups = ReadonlyMap<string, readonly string[]>

/** A name, or one in quotes that may have spaces in it. */
const MEMBER = /"((?:[^"\\]|\\.)*)"(?=\s|$)|'((?:[^'\\]|\\.)*)'(?=\s|$)|([^\s"']\S*)|(\S+)/g
const WANTED = 'a file of lines group: user user'
const NO_GROUPS: readonly string[] = Object.freeze([])

/**
 * Opens a file of groups, as Apache's `AuthGroupFile` names one.
 *
 *     line = group ":" *( user / quoted-user )
 *
 * Lines with `#` in front are comments. A line that ends in `\` goes on in the next that is no
 * comment; an empty one ends it. Of a group with several lines, all count. Members are users: a
 * group is no member of another one. Names are UTF-8 and compared in Unicode form C.
 *
 * A changed file is read anew when groups are next asked for, and taken over as a whole. One that
 * cannot be read, or has a line that is none, changes nothing and is logged. At the start it is an
 * error.
 *
 * @throws {BadOption} An option is wrong, or the file has a line that is none: the message says
 *   which.
 * @throws {Error} The file cannot be read.
 * @see {@link https://httpd.apache.org/docs/2.4/mod/mod_authz_groupfile.html AuthGroupFile}
 * @example
 * const groups = groupFile('/etc/proxy/groups')
 * const users = htpasswd('/etc/proxy/users', { groups })
 */
export function groupFile (path: string, options: GroupFileOptions = {}): GroupFile {
  const file = openWatchedFile(path, parse, options)
  return Object.freeze({
    groupsOf (username: string) {
      const find = (groups: Groups): readonly string[] => {
        const found = groups.get(username) ?? NO_GROUPS
        return holdsWhile(Object.freeze([...found]), () => {
          file.read() // a changed file is noticed although all users are remembered
          return isSame(found, file.latest.get(username) ?? NO_GROUPS)
        })
      }
      const groups = file.read()
      return groups instanceof Promise ? groups.then(find) : find(groups)
    },
    async reload () { await file.reload() },
    close: file.close
  })
}

/**
 * The groups for a file of accounts: by the option, the groups of a file that is opened here, or of
 * one that is open already.
 *
 * @returns The file, and what closes it if it was opened here; `null` where there is no option.
 */
export function groupsFor (groups: unknown, options: WatchedFileOptions): GroupFile | null {
  if (groups === undefined) return null
  if (typeof groups === 'string') return groupFile(groups, options)
  const given = groups as Partial<GroupFile>
  if (!isObject(groups) || typeof given.groupsOf !== 'function') throw new BadOption('groups', 'the name of a file, or what groupFile gives', typeof groups)
  return { groupsOf: given.groupsOf, reload: async () => { await given.reload?.() }, close: async () => {} }
}

function isSame (one: readonly string[], other: readonly string[]): boolean {
  return one === other || (one.length === other.length && one.every((group, index) => group === other[index]))
}

function parse (text: string): Groups {
  const members = new Map<string, string[]>()
  let begun: string[] = []
  eachLine(text, (part, number) => {
    // A name that is read as another one would not be in its group, and a rule would not hold it.
    if (part.includes('\ufffd')) throw new BadOption('groups', WANTED, `octets that are not UTF-8 in line ${number}`)
    if (part.endsWith('\\')) {
      begun.push(part.slice(0, -1))
      return
    }
    const line = [...begun, part].join(' ')
    begun = []
    if (line.trim() === '') return
    const colon = line.indexOf(':')
    const group = line.slice(0, Math.max(colon, 0)).trim().normalize('NFC')
    if (group === '') throw new BadOption('groups', WANTED, `another line ${number}`)
    for (const [, double, single, bare, broken] of line.slice(colon + 1).matchAll(MEMBER)) {
      if (broken !== undefined) throw new BadOption('groups', WANTED, `an open quote in line ${number}`)
      const user = (bare ?? (double ?? single)!.replace(/\\(.)/g, '$1')).normalize('NFC')
      const groups = members.get(user)
      if (groups === undefined) members.set(user, [group])
      else if (!groups.includes(group)) groups.push(group)
    }
  }, true)
  if (begun.length > 0) throw new BadOption('groups', WANTED, 'a last line that goes on')
  return members
}
