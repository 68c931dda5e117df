import { BadOption } from '../../errors.js'
import { badOption, checkObject, readInteger, readList, readTime, readWord } from '../../check-option.js'
import { usualName } from '../../store/usual-name.js'
import type { Milliseconds } from '../../types.js'
import { Periods } from './period.js'
import type { QuotaPeriod } from './period.js'

/** How many requests may come within a time. */
export interface RateLimit {
  /**
   * How many requests and tunnels may begin within the time. From 0 to 1000000.
   *
   * @unit requests
   */
  readonly requests: number
  /**
   * The time, which begins with the first of them. Whole seconds are counted. From 1000 to 86400000
   * (a day).
   */
  readonly per: Milliseconds
}

/** How fast octets may go, all that are counted together. */
export interface BandwidthLimit {
  /**
   * From clients. From 1 to 1000000000000.
   *
   * @unit octets a second
   * @defaultValue no limit
   */
  readonly up?: number
  /**
   * To clients. From 1 to 1000000000000.
   *
   * @unit octets a second
   * @defaultValue no limit
   */
  readonly down?: number
}

/** How much may go in a day, a week or a month. */
export interface QuotaLimit {
  /**
   * How much may go, both ways together: what tunnels and WebSockets carry, and the content of
   * requests and responses. From 0 to 9007199254740991.
   *
   * @unit octets
   */
  readonly octets: number
  /** A day, a week from Monday, or a month of the calendar. */
  readonly per: QuotaPeriod
  /**
   * The time zone whose days they are, by its name in the IANA database.
   *
   * @defaultValue `'UTC'`
   */
  readonly zone?: string
  /**
   * The status of requests when it is spent. 429 has `Retry-After`, and some clients repeat a
   * request for it; none does for 403.
   *
   * @defaultValue `429`
   */
  readonly status?: 403 | 429
}

/** What requests that are counted together may do. All limits that hold a request count. */
export interface LimitOptions {
  /**
   * Its name in errors, events and metrics, and of its counts where those are kept. It has 1 to 100
   * chars, and no other limit has it.
   *
   * @defaultValue its place: `'limits[0]'` and so on
   */
  readonly name?: string
  /**
   * Names of users whom it holds, as the log has them (option `principal`). Case does not matter:
   * a directory may find one user by several spellings, and none of them gets past a limit.
   *
   * @defaultValue all
   */
  readonly users?: readonly string[]
  /**
   * Groups whose members it holds. It is enough to be in one of them, and beside `users` both have
   * to fit.
   *
   * @defaultValue all users, in any group or none
   */
  readonly groups?: readonly string[]
  /**
   * Names of rules of the option `policy`: it holds what one of them allows.
   *
   * @defaultValue all requests, whatever allows them
   */
  readonly rules?: readonly string[]
  /**
   * What is counted together: `'user'`: what a user does, on all connections. `'group'`: what all
   * members of a group do, for each of `groups`. `'rule'`: what a rule allows, for each rule.
   * `'all'`: everything that the limit holds.
   *
   * @defaultValue `'user'`
   */
  readonly by?: 'user' | 'group' | 'rule' | 'all'
  /**
   * How many tunnels and WebSockets may be open at a time. From 0 to 1000000.
   *
   * @unit tunnels
   * @defaultValue no limit
   */
  readonly tunnels?: number
  /**
   * How many other requests may be under way at a time. From 0 to 1000000.
   *
   * @unit requests
   * @defaultValue no limit
   */
  readonly requests?: number
  /**
   * How many tunnels, WebSockets and requests may begin within a time.
   *
   * @defaultValue no limit
   */
  readonly rate?: RateLimit
  /**
   * How fast octets may go. It is shared evenly by what is under way.
   *
   * @defaultValue no limit
   */
  readonly bandwidth?: BandwidthLimit
  /**
   * How much may go in a day, a week or a month. It holds within tunnels that are open.
   *
   * @defaultValue no limit
   */
  readonly quota?: QuotaLimit
}

/** Where the counts of limits are kept, and what happens when they cannot be reached. */
export interface LimitStoreOptions {
  /**
   * A file of SQLite for quotas, which then outlast the process. It needs the package
   * better-sqlite3. Several processes of one machine may share it.
   *
   * @defaultValue the Redis of the option `redis`, else memory
   */
  readonly file?: string
  /**
   * What happens when the file or Redis fails, or does not respond in time: `'refuse'` responds
   * with 503, and ends what is under way when it has moved what was set aside for it. `'allow'`
   * lets all go on without counting it.
   *
   * @defaultValue `'refuse'`
   */
  readonly whenFailing?: 'refuse' | 'allow'
  /**
   * How long Redis, or another process that writes to the file, may take. From 1 to 2147483647.
   *
   * @defaultValue `1000` (1 second)
   */
  readonly timeout?: Milliseconds
}

/** One limit, checked, with defaults. Frozen. */
export interface LimitSettings {
  readonly name: string
  /** In the usual spelling of names. */
  readonly users: ReadonlySet<string> | null
  /** In Unicode form C. */
  readonly groups: ReadonlySet<string> | null
  readonly rules: ReadonlySet<string> | null
  readonly by: 'user' | 'group' | 'rule' | 'all'
  /** `Infinity`: there is no limit of that. So with the others. */
  readonly tunnels: number
  readonly requests: number
  readonly rate: RateLimit | null
  readonly bandwidth: { readonly up: number, readonly down: number }
  readonly quota: Required<QuotaLimit> | null
}

/** All of them, and where they are kept. Frozen. */
export interface LimitsSettings {
  readonly limits: readonly LimitSettings[]
  readonly store: { readonly file: string | undefined, readonly whenFailing: 'refuse' | 'allow', readonly timeout: Milliseconds }
}

const OPTIONS = new Set(['name', 'users', 'groups', 'rules', 'by', 'tunnels', 'requests', 'rate', 'bandwidth', 'quota'])
const KINDS = ['tunnels', 'requests', 'rate', 'bandwidth', 'quota'] as const
const RATE_OPTIONS = new Set(['requests', 'per'])
const BANDWIDTH_OPTIONS = new Set(['up', 'down'])
const QUOTA_OPTIONS = new Set(['octets', 'per', 'zone', 'status'])
const STORE_OPTIONS = new Set(['file', 'whenFailing', 'timeout'])
const MAX_COUNT = 1_000_000
const MAX_BANDWIDTH = 1_000_000_000_000
const DAY: Milliseconds = 24 * 60 * 60 * 1000
const LONGEST_NAME = 100
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u

/**
 * Checks the options `limits` and `limitStore`.
 *
 * @returns `undefined`: there are no limits.
 * @throws {BadOption} One is wrong. The message names it and the type it got, never the value.
 */
export function readLimits (
  limits: readonly LimitOptions[] | undefined, limitStore: LimitStoreOptions | undefined
): LimitsSettings | undefined {
  const store = readStore(limitStore ?? {})
  if (limits === undefined) return undefined
  const read = readList(limits, 'limits').map(readLimit)
  for (const [index, { name }] of read.entries()) {
    if (read.findIndex((other) => other.name === name) < index) throw new BadOption(`limits[${index}].name`, 'a name that no other limit has', 'that of one')
  }
  return read.length === 0 ? undefined : Object.freeze({ limits: Object.freeze(read), store })
}

function readStore (given: LimitStoreOptions): LimitsSettings['store'] {
  const { file, whenFailing = 'refuse', timeout = 1000 } = checkObject(given, 'limitStore', STORE_OPTIONS)
  if (file !== undefined && (typeof file !== 'string' || file === '')) throw badOption('limitStore.file', 'the path of a file', file)
  return Object.freeze({
    file,
    whenFailing: readWord(whenFailing, 'limitStore.whenFailing', ['refuse', 'allow']),
    timeout: readTime(timeout, 'limitStore.timeout', 1)
  })
}

function readLimit (given: LimitOptions, index: number): LimitSettings {
  const place = `limits[${index}]`
  const options = checkObject(given, place, OPTIONS)
  const { name = place, by = 'user', tunnels, requests, rate, bandwidth = {}, quota } = options
  if (typeof name !== 'string' || name === '' || name.length > LONGEST_NAME || UNPRINTABLE.test(name)) {
    throw badOption(`${place}.name`, `printable text of 1 to ${LONGEST_NAME} chars`, name)
  }
  if (KINDS.every((kind) => options[kind] === undefined)) throw new BadOption(place, `an object with one of ${KINDS.join(', ')}`, 'none')
  const groups = readNames(options.groups, `${place}.groups`, (name) => name.normalize('NFC'))
  if (readWord(by, `${place}.by`, ['user', 'group', 'rule', 'all']) === 'group' && groups === null) {
    throw badOption(`${place}.groups`, 'given where by is \'group\'', undefined)
  }
  const { up, down } = checkObject(bandwidth, `${place}.bandwidth`, BANDWIDTH_OPTIONS)
  return Object.freeze({
    name,
    users: readNames(options.users, `${place}.users`, usualName),
    groups,
    rules: readNames(options.rules, `${place}.rules`, (name) => name),
    by,
    tunnels: readMost(tunnels, `${place}.tunnels`, 0, MAX_COUNT),
    requests: readMost(requests, `${place}.requests`, 0, MAX_COUNT),
    rate: rate === undefined ? null : readRate(rate, `${place}.rate`),
    bandwidth: Object.freeze({
      up: readMost(up, `${place}.bandwidth.up`, 1, MAX_BANDWIDTH),
      down: readMost(down, `${place}.bandwidth.down`, 1, MAX_BANDWIDTH)
    }),
    quota: quota === undefined ? null : readQuota(quota, `${place}.quota`)
  })
}

function readMost (value: unknown, option: string, least: number, most: number): number {
  return value === undefined ? Infinity : readInteger(value, option, least, most)
}

/** @param spelled - Gives the spelling that names are compared in. */
function readNames (
  value: readonly string[] | undefined, option: string, spelled: (name: string) => string
): ReadonlySet<string> | null {
  if (value === undefined) return null
  for (const [index, name] of readList(value, option, 1).entries()) {
    if (typeof name !== 'string' || name === '') throw badOption(`${option}[${index}]`, 'text', name)
  }
  return new Set(value.map(spelled))
}

function readRate (given: RateLimit, option: string): RateLimit {
  const { requests, per } = checkObject(given, option, RATE_OPTIONS)
  return Object.freeze({
    requests: readInteger(requests, `${option}.requests`, 0, MAX_COUNT),
    per: readInteger(per, `${option}.per`, 1000, DAY)
  })
}

function readQuota (given: QuotaLimit, option: string): Required<QuotaLimit> {
  const { octets, per, zone = 'UTC', status = 429 } = checkObject(given, option, QUOTA_OPTIONS)
  readInteger(octets, `${option}.octets`, 0, Number.MAX_SAFE_INTEGER)
  readWord(per, `${option}.per`, ['day', 'week', 'month'])
  if (status !== 403 && status !== 429) throw badOption(`${option}.status`, '403 or 429', status)
  try {
    if (typeof zone === 'string') new Periods(per, zone).at(0)
    else throw badOption(`${option}.zone`, 'text', zone)
  } catch {
    throw badOption(`${option}.zone`, 'the name of a time zone', zone)
  }
  return Object.freeze({ octets, per, zone, status })
}
