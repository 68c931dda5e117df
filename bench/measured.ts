// Child side of a benchmark: tells its port, and the processor time it has used whenever it is asked.

export function measured (port: number, pipe?: number): void {
  process.on('message', message => {
    const usage = () => ({ cpu: process.cpuUsage(), ...process.memoryUsage() })
    if (message === 'cpu') process.send!(usage())
    if (message === 'gc') {
      globalThis.gc?.()
      setImmediate(() => { globalThis.gc?.(); process.send!(usage()) })
    }
  })
  process.once('disconnect', () => process.exit())
  process.send!({ port, pipe })
}
