// The table, in cells.
import { ratios, spread } from './figures.js'
import type { Spread } from './figures.js'
import { judge, placeOf } from './goal.js'
import type { Samples } from './measure.js'
import type { Row, Section } from './scenarios/scenario.js'

export const HEAD = ['', 'CPU', 'from – to', 'subject ÷ it', 'from – to', 'goal', 'per second', 'p50 ms', 'p99 ms', 'memory', '']

/** From which share of its time on the load may be what is measured. */
const BUSY = 0.8

/** A title and its rows. */
export interface Lines {
  readonly title: string
  readonly rows: readonly string[][]
}

export function linesOf (section: Section, results: Samples): Lines {
  const { title, unit, subject } = section
  const samplesOf = (name: string): ReturnType<Samples['get']> => {
    const row = section.rows.find((each) => each.name === name)
    return row && results.get(row)
  }
  const cpu = unit === 'GiB' ? 's CPU a GiB' : `µs CPU a ${unit}`
  return { title: `${title} (${cpu}; subject: ${subject})`, rows: section.rows.map((row) => cells(section, row, results, (name) => samplesOf(name)?.samples)) }
}

function cells ({ unit, subject, goals, isOnce }: Section, row: Row, results: Samples, samplesOf: Parameters<typeof judge>[2]): string[] {
  const { samples, error } = results.get(row)!
  const of = (name: keyof NonNullable<typeof samples[number]>): Spread => spread(samples.map((sample) => sample?.[name]))
  const [cpu, rate, memory] = [of('cpu'), of('rate'), of('memory')]
  const ratio = row.name === subject ? spread([]) : ratios((samplesOf(subject) ?? []).map((sample) => sample?.cpu), samples.map((sample) => sample?.cpu))
  const verdicts = goals.filter((goal) => placeOf(goal, subject) === row.name).flatMap((goal) => judge(goal, subject, samplesOf) ?? [])
  const [busy, failed] = [of('busy').max, of('failed').max]
  const notes = [
    ...error === undefined ? [] : [`failed: ${error.split('\n')[0]}`],
    ...failed > 0 ? [`${failed} failed`] : [],
    ...busy > BUSY ? [`load at ${Math.round(busy * 100)} %`] : []
  ]
  const digits = unit === 'GiB' ? 2 : 1
  return [
    row.name, figure(cpu.median, digits), range(cpu, digits), figure(ratio.median, 2), range(ratio, 2), verdicts.join('; '),
    unit === 'GiB' ? withUnit(rate.median * 1024, 0, 'MiB') : figure(rate.median, 0), figure(of('p50').median, 2), figure(of('p99').median, 2),
    withUnit(memory.median, isOnce ? 1 : 0, isOnce ? 'KiB each' : 'MiB'), notes.join('; ')
  ]
}

function figure (value: number, digits: number): string {
  return Number.isNaN(value) ? '' : value.toFixed(digits)
}

function withUnit (value: number, digits: number, unit: string): string {
  return Number.isNaN(value) ? '' : `${figure(value, digits)} ${unit}`
}

function range ({ min, max }: Spread, digits: number): string {
  return Number.isNaN(min) ? '' : `${figure(min, digits)} – ${figure(max, digits)}`
}

/** What has failed, for the exit code. */
export function hasFailed (results: Samples, name: string): boolean {
  return [...results].some(([row, { samples, error }]) => row.name === name && (error !== undefined || samples.some((sample) => (sample?.failed ?? 0) > 0)))
}

/** Widths of the columns on a terminal: those of text that is often there. */
const WIDTHS = [38, 8, 16, 12, 13, 26, 11, 8, 8, 14, 0]

/** For a terminal. */
export function text (cells: readonly string[]): string {
  return cells.map((cell, i) => i === 0 || i === 5 || i === 10 ? cell.padEnd(WIDTHS[i]!) : cell.padStart(WIDTHS[i]!)).join('  ').trimEnd()
}
