// CONNECTs without credentials, each on a connection of its own.
import { Latencies } from './latencies.js'
import type { Loaded } from './load.js'
import { ResponseReader } from './response-reader.js'
import { connectTo } from './socket.js'

/** Sends as many as the time allows, some at a time. */
export async function refusals ({ port, target, seconds, connections }: { port: number, target: string, seconds: number, connections: number }): Promise<Partial<Loaded>> {
  const deadline = performance.now() + seconds * 1000
  const latencies = new Latencies()
  const head = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`
  let failed = 0
  const one = (): Promise<void> => new Promise((resolve) => {
    const started = performance.now()
    const reader = new ResponseReader()
    let isRead = false
    const done = (): void => {
      if (isRead) return
      isRead = true
      latencies.add(started)
    }
    const socket = connectTo(port, (chunk) => {
      if (!reader.read(chunk)) return
      done()
      socket.end()
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      // A response without a length ends with its connection.
      if (reader.status === 407) done()
      else failed++
      resolve()
    })
    socket.write(head)
  })
  await Promise.all(Array.from({ length: connections }, async () => {
    while (performance.now() < deadline) await one()
  }))
  return { ...latencies.summary(), failed }
}
