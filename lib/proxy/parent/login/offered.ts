import { parseChallenges } from '../../../fields/challenge.js'
import type { Challenge } from '../../../fields/challenge.js'

/**
 * The challenges of a scheme that a parent offers. A line that follows no grammar offers nothing,
 * and does not take away what the others do.
 *
 * @param lines - Of `Proxy-Authenticate`, as received.
 * @param scheme - In lower case.
 * @example
 * offered(['Negotiate, NTLM', 'Basic realm="x"'], 'ntlm') // [{ scheme: 'NTLM' }]
 */
export function offered (lines: readonly string[], scheme: string): readonly Challenge[] {
  const all = read(lines) ?? lines.flatMap((line) => read([line]) ?? [])
  return all.filter((challenge) => challenge.scheme.toLowerCase() === scheme)
}

function read (lines: readonly string[]): readonly Challenge[] | undefined {
  try {
    return parseChallenges(lines, { lenient: true })
  } catch {
    return undefined
  }
}
