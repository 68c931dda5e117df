// Child side of what sends the load: does one job after another, and says what it has used for it.
import { connects } from './connects.js'
import { contents } from './contents.js'
import { digestLines } from './digest-lines.js'
import { echoes } from './echoes.js'
import { idle, release } from './idle.js'
import type { Loaded } from './load.js'
import { octets } from './octets.js'
import { refusals } from './refusals.js'
import { requests } from './requests.js'

const JOBS = { connects, contents, digestLines, echoes, idle, octets, refusals, release, requests }

export type Job = keyof typeof JOBS
export type OptionsOf<Name extends Job> = Parameters<typeof JOBS[Name]>[0]

process.on('message', async ({ job, options }: { job: Job, options: never }) => {
  const started = performance.now()
  const before = process.cpuUsage()
  try {
    const done: Partial<Loaded> = await JOBS[job](options)
    const { user, system } = process.cpuUsage(before)
    process.send!({ units: 1, failed: 0, seconds: (performance.now() - started) / 1000, ...done, cpu: user + system })
  } catch (error) {
    process.send!({ failure: `${job}: ${String(error)}` })
  }
})
process.once('disconnect', () => process.exit())
process.send!({})
