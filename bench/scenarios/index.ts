import { connect } from './connect.js'
import { digestUsers } from './digest-users.js'
import { limited } from './limited.js'
import { manyStreams } from './many-streams.js'
import { bcrypt } from './passwords.js'
import { refused } from './refused.js'
import { digest, forward, reverse } from './requests.js'
import type { Scenario } from './scenario.js'
import { shaping } from './shaping.js'
import { transfer } from './transfer.js'
import { http2, idle, tls, tunnel } from './tunnels.js'

/** In the order of the table. */
export const scenarios: readonly Scenario[] = [
  forward, reverse, digest, bcrypt, connect, refused, tunnel, limited, idle, tls, http2, manyStreams, transfer, shaping, digestUsers
]

/**
 * The scenarios of those names.
 *
 * @throws {RangeError} There is none of a name.
 */
export function chosen (names: readonly string[]): readonly Scenario[] {
  const known = scenarios.map(({ name }) => name)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new RangeError(`there is no scenario ${unknown.join(', ')}, but there are ${known.join(', ')}`)
  return names.length === 0 ? scenarios : scenarios.filter(({ name }) => names.includes(name))
}

/** A scenario with those rows only whose contenders can run, and that are wanted: the subject, and what has a word in its name. */
export function reduced (scenario: Scenario, against: readonly string[], kept?: string): Scenario {
  const sections = scenario.sections.map((section) => {
    const isWanted = (name: string): boolean => against.length === 0 || name === section.subject || name === kept || against.some((word) => name.includes(word))
    return { ...section, rows: section.rows.filter(({ name, contender }) => contender.missing === false && isWanted(name)) }
  })
  return { ...scenario, sections }
}

/** A scenario in which another build does what ours does. */
export function withBuild (scenario: Scenario, name: string): Scenario {
  const sections = scenario.sections.map((section) => {
    const row = section.rows.find((each) => each.name === section.subject)
    const contender = row?.contender.ofBuild?.(name)
    return row === undefined || contender === undefined ? section : { ...section, rows: [...section.rows, { ...row, name, contender }] }
  })
  return { ...scenario, sections }
}
