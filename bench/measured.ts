// Child side of a benchmark: tells its port, and the processor time it has used whenever it is asked.

export function measured (port: number, pipe?: number): void {
  process.on('message', message => {
    if (message === 'cpu') process.send!({ cpu: process.cpuUsage(), rss: process.memoryUsage().rss })
    if (message === 'gc') {
      globalThis.gc?.()
      setImmediate(() => { globalThis.gc?.(); process.send!({ cpu: process.cpuUsage(), rss: process.memoryUsage().rss }) })
    }
  })
  process.once('disconnect', () => process.exit())
  process.send!({ port, pipe })
}
