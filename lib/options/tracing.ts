import { badOption, checkObject } from '../check-option.js'
import type { TracingOptions } from './options.js'

/** The option `tracing`, checked. */
export interface TracingSettings {
  /** `maybe`: where the package is installed. */
  readonly wanted: 'yes' | 'no' | 'maybe'
  /** Whether spans have the names of users. */
  readonly users: boolean
}

const OPTIONS = new Set(['users'])

/**
 * Checks the option `tracing`.
 *
 * @throws {BadOption} It is wrong.
 */
export function readTracing (tracing: boolean | TracingOptions | undefined): TracingSettings {
  const { users = false } = typeof tracing === 'object'
    ? checkObject(tracing, 'tracing', OPTIONS, 'true, false or an object')
    : {}
  if (typeof users !== 'boolean') throw badOption('tracing.users', 'true or false', users)
  if (tracing === undefined) return Object.freeze({ wanted: 'maybe', users })
  if (typeof tracing !== 'boolean' && typeof tracing !== 'object') throw badOption('tracing', 'true, false or an object', tracing)
  return Object.freeze({ wanted: tracing === false ? 'no' : 'yes', users })
}
