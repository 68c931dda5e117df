// What is compared: a scenario has sections, and a section has a row for each contender.
import type { Contender, Running, World } from '../contenders/contender.js'
import type { Loaded } from '../load/load.js'

export interface Scenario {
  /** By which it is chosen on the command line. */
  readonly name: string
  readonly sections: readonly Section[]
  /** Fewer processes than elsewhere, where more would say no more. */
  readonly maxProcesses?: number
  /** What it has to say in sentences. */
  readonly says?: (world: World) => Promise<string[]>
}

/** One work that several contenders do. */
export interface Section {
  readonly title: string
  /** Of what the costs are. */
  readonly unit: 'request' | 'tunnel' | 'GiB'
  readonly rows: readonly Row[]
  /** The row that is compared with the others. */
  readonly subject: string
  readonly goals: readonly Goal[]
  /** What is measured is used up by that, so there is no warming up and one round. */
  readonly isOnce?: boolean
}

export interface Row {
  readonly name: string
  readonly contender: Contender
  readonly load: LoadOf
}

/** Has a contender work for about as long, and says what it was. */
export type LoadOf = (running: Running, world: World, seconds: number) => Promise<Loaded & { readonly octetsEach?: number }>

/** What was promised. Without `against` it is for the figure itself, else for the ratio. */
export interface Goal {
  readonly of: 'cpu' | 'rate' | 'p99' | 'memory'
  readonly row: string
  readonly against?: string
  /** For the median of all processes. */
  readonly atMost?: number
  readonly atLeast?: number
  /** For every process. */
  readonly eachAtMost?: number
}

/** The value for this node: that of the highest version that is not above it. */
export function onNode (values: Readonly<Record<number, number>>): number {
  const major = Number(process.versions.node.split('.')[0])
  const [, value] = Object.entries(values).filter(([version]) => Number(version) <= major).at(-1)!
  return value
}
