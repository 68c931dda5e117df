// Child side of the benchmark: tells its ports, and what it has used whenever it is asked.
import type { Usage } from './usage.js'

/** Where a server of the benchmark listens, by name. */
export type Ports = Readonly<Record<string, number>>

export function measured (ports: Ports): void {
  process.on('message', (message) => {
    if (message === 'usage') process.send!(usage())
    if (message === 'collect') {
      globalThis.gc?.()
      setImmediate(() => {
        globalThis.gc?.()
        process.send!(usage())
      })
    }
  })
  process.once('disconnect', () => process.exit())
  process.send!(ports)
}

function usage (): Usage {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { cpu: user + system, rss, peak: process.resourceUsage().maxRSS * 1024, inUse: heapUsed + external }
}
