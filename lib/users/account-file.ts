import { readFileSync, statSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { BadOption } from '../errors.js'
import { checkOptions } from '../option.js'
import type { Milliseconds } from '../types.js'

/** What all files of accounts can be told. */
export interface AccountFileOptions {
  /** How often, at most, the file is looked at: a change is seen that much later. 0 or more. Default 1000 (1 second). */
  readonly interval?: Milliseconds
  /** Told, once each, why a changed file could not be taken over. The one before it stays in force. Default: nobody. */
  readonly log?: (problem: Error) => void
  /** The time, for tests. Default `Date.now`. */
  readonly clock?: () => Milliseconds
}

/** A file that is read again when it has changed. */
export interface AccountFile<Accounts> {
  /** What the file says. Without a promise unless it is time to look whether it has changed. */
  read (): Accounts | Promise<Accounts>
  /** Ends looking for changes; resolves when none is being read any more. What has been read stays. */
  close (): Promise<void>
}

const OPTIONS = new Set(['interval', 'log', 'clock'])

/**
 * Opens a file of accounts.
 *
 * A changed file is read anew when somebody next asks, and taken over as a whole. One that cannot be read, or parsed, changes
 * nothing and is logged. At the start it is an error.
 *
 * @throws {BadOption} An option is wrong.
 * @throws {Error} The file cannot be read.
 * @throws What `parse` throws.
 * @example
 * const file = openAccountFile('/etc/proxy/users', text => new Set(text.split('\n')))
 * (await file.read()).has('alice')
 */
export function openAccountFile<Accounts> (
  path: string, parse: (text: string) => Accounts, options: AccountFileOptions = {}
): AccountFile<Accounts> {
  const { interval = 1000, log = () => {}, clock = Date.now } = checkOptions(options, OPTIONS)
  if (typeof path !== 'string') throw new BadOption('path', 'text', typeof path)
  if (!(interval >= 0)) throw new BadOption('interval', '0 or more', typeof interval)
  let version = versionOf(statSync(path, { bigint: true }))
  let accounts = parse(readFileSync(path, 'utf8'))
  let checked = clock()
  let checking: Promise<void> | undefined
  let logged = ''

  async function check (): Promise<void> {
    try {
      // Most of the time there is nothing new, and that costs no opening of the file.
      if (versionOf(await stat(path, { bigint: true })) === version) {
        logged = ''
        return
      }
      const file = await open(path)
      try {
        const read = versionOf(await file.stat({ bigint: true }))
        const text = await file.readFile('utf8')
        // Somebody is writing: what is there may be half of it. The next look will tell.
        if (versionOf(await file.stat({ bigint: true })) !== read) return
        version = read
        accounts = parse(text)
        logged = ''
      } finally {
        await file.close()
      }
    } catch (problem) {
      const { message } = problem as Error
      if (message !== logged) log(problem as Error)
      logged = message
    } finally {
      checking = undefined
      checked = clock()
    }
  }

  let closed = false
  return Object.freeze({
    read (): Accounts | Promise<Accounts> {
      if (checking === undefined && !closed && Math.abs(clock() - checked) >= interval) checking = check()
      return checking === undefined ? accounts : checking.then(() => accounts)
    },
    async close (): Promise<void> {
      closed = true
      await checking
    }
  })
}

/** Calls `take` with each line of a file of accounts, and its number; not with empty lines and comments. */
export function eachLine (text: string, take: (line: string, number: number) => void): void {
  text.split('\n').forEach((ended, index) => {
    const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended
    if (line !== '' && !line.startsWith('#')) take(line, index + 1)
  })
}

/** Another file, or another content, has another: a name may be moved to a new file, times may be the same within a tick. */
function versionOf ({ dev, ino, size, mtimeNs, ctimeNs }: { dev: bigint, ino: bigint, size: bigint, mtimeNs: bigint, ctimeNs: bigint }): string {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}
