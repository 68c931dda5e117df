import { badOption, checkObject } from '../check-option.js'
import type { LogOptions } from './options.js'

const OPTIONS = new Set(['paths'])

/**
 * Checks the option `log`.
 *
 * @throws {BadOption} It is wrong.
 */
export function readLog (log: LogOptions): Readonly<Required<LogOptions>> {
  const { paths = false } = checkObject(log, 'log', OPTIONS)
  if (typeof paths !== 'boolean') throw badOption('log.paths', 'true or false', paths)
  return Object.freeze({ paths })
}
