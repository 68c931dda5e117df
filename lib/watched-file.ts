import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { BadOption } from './errors.js'
import { checkOptions, readTime } from './check-option.js'
import { guarded } from './platform/guarded.js'
import type { Milliseconds } from './types.js'

/** Options of all files that are looked at again. */
export interface WatchedFileOptions {
  /**
   * How often, at most, the file is looked at while it is in use: a change is noticed that much
   * later. 0 or more.
   *
   * @defaultValue `1000` (1 second)
   */
  readonly interval?: Milliseconds
  /**
   * Called once for each reason why a changed file could not be taken over. The contents before the
   * change stay in force.
   *
   * @defaultValue none
   */
  readonly log?: (problem: Error) => void
  /**
   * How long a look at the file may take before it is given up and logged. From 1 to 2147483647.
   *
   * @defaultValue `2000` (2 seconds)
   */
  readonly timeout?: Milliseconds
  /**
   * The time, for tests.
   *
   * @defaultValue `Date.now`
   */
  readonly clock?: () => Milliseconds
}

/** A file that is read again when it has changed. */
export interface WatchedFile<Content> {
  /** What the file says. Without a promise unless it is time to look whether it has changed. */
  read (): Content | Promise<Content>
  /** What the file said when it was last read. */
  readonly latest: Content
  /**
   * Reads the file now, changed or not.
   *
   * @throws Why it cannot be taken over. The contents before stay.
   */
  reload (): Promise<Content>
  /**
   * Ends looking for changes; resolves when none is being read any more, within `timeout`. What has
   * been read stays.
   */
  close (): Promise<void>
}

const OPTIONS = new Set(['interval', 'log', 'timeout', 'clock'])
/**
 * How long a file is left alone before it counts. Most programs empty a file before they write it,
 * and to take over what is there between would lock every user out, for one.
 */
const SETTLED: Milliseconds = 100
/** How often a file that is being written is read until that is an error. */
const LOOKS = 10
const ALWAYS_WRITTEN = 'the file is being written all the time'
/** To open what is no regular file may take for ever. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

/**
 * Opens a file whose changes are taken over while the program runs.
 *
 * A changed file is read anew when it is next asked for, and taken over as a whole. One that cannot
 * be read, or parsed, changes nothing and is logged. So does one that is no regular file (a FIFO, a
 * directory, a device), and one that takes too long. At the start it is an error. A mark of the
 * byte order at its start is no part of it.
 *
 * @throws {BadOption} An option is wrong, or the file is no regular one.
 * @throws {Error} The file cannot be read.
 * @throws What `parse` throws.
 * @example
 * const file = openWatchedFile('/etc/proxy/users', text => new Set(text.split('\n')))
 * (await file.read()).has('alice')
 */
export function openWatchedFile<Content> (
  path: string, parse: (text: string) => Content, options: WatchedFileOptions = {}
): WatchedFile<Content> {
  const { interval = 1000, log = () => {}, timeout = 2000, clock = Date.now } = checkOptions(options, OPTIONS)
  if (typeof path !== 'string') throw new BadOption('path', 'text', typeof path)
  if (!(interval >= 0)) throw new BadOption('interval', '0 or more', typeof interval)
  readTime(timeout, 'timeout', 1)
  const first = readNow(path)
  let { version } = first
  let content = parse(first.text)
  let checked = clock()
  let checking: Promise<void> | undefined
  let logged = ''

  /** A look under way, be it given up: another would keep one more thread of the pool busy. */
  let looking = false

  /** @param known - The version that need not be read. */
  async function look (known: string): Promise<'half' | void> {
    looking = true
    const reading = readLater(path, known).finally(() => { looking = false })
    const read = await within(reading, timeout)
    if (read === 'half') return read
    if (read !== 'same') {
      version = read.version
      content = parse(read.text)
    }
  }

  /** How often in a row the file was being written. */
  let halves = 0

  async function check (): Promise<void> {
    try {
      halves = await look(version) === 'half' ? halves + 1 : 0
      if (halves === 0) logged = ''
      else if (halves >= LOOKS) throw new Error(ALWAYS_WRITTEN)
    } catch (problem) {
      const { message } = problem as Error
      if (message !== logged) log(problem as Error)
      logged = message
    } finally {
      checking = undefined
      checked = clock()
    }
  }

  async function lookNow (): Promise<Content> {
    await checking
    if (looking) throw new Error('an earlier look at the file has no end')
    for (let looks = 0; looks < LOOKS; looks++) {
      if (await look('') !== 'half') return content
    }
    throw new Error(ALWAYS_WRITTEN)
  }

  let closed = false
  let reloading: Promise<unknown> = Promise.resolve()
  return Object.freeze({
    get latest () { return content },
    read (): Content | Promise<Content> {
      if (checking === undefined && !looking && !closed && Math.abs(clock() - checked) >= interval) checking = check()
      return checking === undefined ? content : checking.then(() => content)
    },
    reload (): Promise<Content> {
      const latest = reloading.catch(() => {}).then(lookNow)
      reloading = latest
      return latest
    },
    async close (): Promise<void> {
      closed = true
      await checking
      await reloading.catch(() => {}) // its caller is told
    }
  })
}

interface Read {
  readonly version: string
  readonly text: string
}

function readNow (path: string): Read {
  insistOnFile(statSync(path))
  const file = openSync(path, FLAGS)
  try {
    insistOnFile(fstatSync(file))
    return { version: versionOf(fstatSync(file, { bigint: true })), text: textOf(readFileSync(file)) }
  } finally {
    closeSync(file)
  }
}

/**
 * @returns `half`: the file is being written, and what is there may be half of it. The next look
 * will tell.
 */
async function readLater (path: string, version: string): Promise<Read | 'same' | 'half'> {
  // Most of the time there is nothing new, and that costs no opening of the file.
  const found = await stat(path, { bigint: true })
  if (versionOf(found) === version) return 'same'
  insistOnFile(found)
  const file = await open(path, FLAGS)
  try {
    const before = await file.stat({ bigint: true })
    insistOnFile(before) // it may have been exchanged since
    const text = textOf(await file.readFile())
    const read = versionOf(before)
    const age = Date.now() - Number(before.mtimeMs)
    if (age < SETTLED) await wait(Math.min(SETTLED - age, SETTLED)) // a file server's clock may be ahead
    return versionOf(await file.stat({ bigint: true })) === read ? { version: read, text } : 'half'
  } finally {
    await file.close()
  }
}

function insistOnFile (found: { isFile (): boolean }): void {
  if (!found.isFile()) throw new BadOption('path', 'the name of a regular file', 'that of something else')
}

/** UTF-8, without the mark of the byte order that some editors put in front. */
function textOf (octets: Buffer): string {
  return octets.toString('utf8').replace(/^\ufeff/, '')
}

/** A look has its time beside the one that the file is left alone. */
async function within<Result> (work: Promise<Result>, timeout: Milliseconds): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(guarded(() => reject(new Error(`the file was not read within ${timeout} ms`))), timeout + SETTLED)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Another file, or another content, has another: a name may be moved to a new file, times may be
 * the same within a tick.
 */
function versionOf (
  { dev, ino, size, mtimeNs, ctimeNs }: { dev: bigint, ino: bigint, size: bigint, mtimeNs: bigint, ctimeNs: bigint }
): string {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}
