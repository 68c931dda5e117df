import { badOption, checkOptions, checkObject, isObject, readInteger } from '../check-option.js'
import type { MetricsRegistry } from './prom-client.js'

/** Options of {@link proxyAuthMetrics}. */
export interface MetricsOptions {
  /** The registry of `prom-client` that gets the metrics. */
  readonly register: MetricsRegistry
  /**
   * Counts octets, exchanges and denials for each user, too. Names that have no place of their own
   * are counted as `other`. `true` takes the defaults.
   *
   * @defaultValue `false`: metrics name no user
   */
  readonly users?: boolean | UserMetricsOptions
  /**
   * What the names of the metrics begin with. Two gateways with one registry need two.
   *
   * @defaultValue `'proxy_auth_'`
   */
  readonly prefix?: string
}

/** How users are counted. */
export interface UserMetricsOptions {
  /**
   * How many users have a place of their own: the first that come. 1 to 10000.
   *
   * @defaultValue 100
   */
  readonly max?: number
}

/** The options, checked. */
export interface MetricsSettings {
  readonly register: MetricsRegistry
  /** How many users have a place of their own. 0: users are not counted. */
  readonly users: number
  readonly prefix: string
}

const OPTIONS = new Set(['register', 'users', 'prefix'])
const OF_USERS = new Set(['max'])
/** A colon is for the rules of Prometheus. */
const PREFIX = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** @throws {BadOption} One is wrong. */
export function readMetricsOptions (options: MetricsOptions): MetricsSettings {
  const { register, users = false, prefix = 'proxy_auth_' } = checkOptions(options, OPTIONS)
  if (!isRegistry(register)) throw badOption('register', 'a registry of prom-client', register)
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) throw badOption('prefix', 'the beginning of a name: letters, digits and _', prefix)
  return { register, users: readUsers(users), prefix }
}

function readUsers (users: unknown): number {
  if (users === false) return 0
  const { max = 100 } = users === true ? {} : checkObject(users as UserMetricsOptions, 'users', OF_USERS, 'true, false or an object')
  return readInteger(max, 'users.max', 1, 10_000)
}

function isRegistry (value: unknown): value is MetricsRegistry {
  if (!isObject(value)) return false
  const { registerMetric, getSingleMetric } = value as Partial<MetricsRegistry>
  return typeof registerMetric === 'function' && typeof getSingleMetric === 'function'
}
