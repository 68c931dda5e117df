// Parent side of what sends the load.
import { execFileSync } from 'node:child_process'
import { Child } from '../child.js'
import { settings } from '../settings.js'
import type { Job, OptionsOf } from './main.js'

/** What came of a load. */
export interface Loaded {
  /** How many requests, tunnels or GiB. */
  readonly units: number
  readonly seconds: number
  /** Microseconds of processor time that the load itself has used. */
  readonly cpu: number
  /** In ms, of a unit that is waited for. */
  readonly p50?: number
  readonly p99?: number
  /** How many of them did not end as they should. */
  readonly failed: number
}

/** How much longer than it should a job may take, in ms. */
const LOAD_TIMEOUT = 30_000

/** A process that does one job at a time. It is started for the first one. */
export class Load {
  private child: Child | undefined

  /** @param folder - Where the compiled programs are. */
  constructor (private readonly folder: string) {}

  /** @throws {Error} The job has failed. What it has left behind is gone. */
  async run<Name extends Job> (job: Name, options: OptionsOf<Name>): Promise<Loaded> {
    this.child ??= await Child.start(this.folder, 'main', 'load')
    try {
      return await this.child.ask({ job, options }, LOAD_TIMEOUT + 1000 * 5 * settings.seconds)
    } catch (error) {
      await this.end()
      throw error
    }
  }

  async end (): Promise<void> {
    await this.child?.end()
    this.child = undefined
  }
}

/** Whether wrk is there, which sends requests at a smaller price than node. */
export const hasWrk = (() => {
  try {
    execFileSync('sh', ['-c', 'command -v wrk'])
    return true
  } catch {
    return false
  }
})()
