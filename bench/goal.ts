// Whether a goal is met.
import { ratios, spread } from './figures.js'
import type { Sample } from './measure.js'
import type { Goal } from './scenarios/scenario.js'

type SamplesOf = (row: string) => ReadonlyArray<Sample | undefined> | undefined

/** What stands in the table, where there is something to compare with. */
export function judge (goal: Goal, subject: string, samplesOf: SamplesOf): string | undefined {
  const { of, row, against, atMost, atLeast, eachAtMost } = goal
  const figures = (name: string): Array<number | undefined> | undefined => samplesOf(name)?.map((sample) => sample?.[of])
  const own = figures(row)
  const others = against === undefined ? undefined : figures(against)
  if (own === undefined || (against !== undefined && others === undefined)) return undefined
  const { median, max } = others === undefined ? spread(own) : ratios(own, others)
  if (Number.isNaN(median)) return undefined
  const bounds = [
    ...atMost === undefined ? [] : [{ text: `≤ ${atMost}`, isMet: median <= atMost }],
    ...atLeast === undefined ? [] : [{ text: `≥ ${atLeast}`, isMet: median >= atLeast }],
    ...eachAtMost === undefined ? [] : [{ text: `each ≤ ${eachAtMost}`, isMet: max <= eachAtMost }]
  ]
  const what = of === 'cpu' || (of === 'memory' && against === undefined) ? '' : `${of} `
  // Beside the ratio of the subject there is no need to say it again.
  const measured = of === 'cpu' && row === subject && against !== undefined ? '' : ` (${median.toFixed(2)}${against === undefined ? '' : ' ×'})`
  return `${what}${bounds.map(({ text }) => text).join(', ')}${measured}: ${bounds.every(({ isMet }) => isMet) ? 'met' : 'not met'}`
}

/** The row where it stands: the one that the subject is compared with. */
export function placeOf ({ row, against }: Goal, subject: string): string {
  return row === subject && against !== undefined ? against : row
}
