// Requests without content, one after another on some connections.
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { Latencies } from './latencies.js'
import type { Loaded } from './load.js'
import { ResponseReader } from './response-reader.js'
import { connectTo } from './socket.js'

export interface Requests {
  readonly port: number
  /** As it stands in the first line. */
  readonly target: string
  readonly host: string
  /** The field that carries the credentials. */
  readonly field: string
  /** The status that each response is to have. */
  readonly status: number
  readonly seconds: number
  readonly connections: number
  /** Where each request finds its credentials, in a line of its own. The last line is for all that follow. */
  readonly file?: string
  /** The credentials of the request with this number, in place of a file. */
  readonly guesses?: true
}

/** Sends as many as the time allows. */
export async function requests ({ port, target, host, field, status, seconds, connections, file, guesses }: Requests): Promise<Partial<Loaded>> {
  const lines = file === undefined ? [] : readFileSync(file, 'utf8').split('\n')
  const deadline = performance.now() + seconds * 1000
  const latencies = new Latencies()
  let sent = 0
  let failed = 0
  const head = (): string => {
    const number = sent++
    const credentials = guesses ? `Basic ${Buffer.from(`alice:guess ${number} of ${Date.now()}`).toString('base64')}` : lines[Math.min(number, lines.length - 1)]
    return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${credentials ? `${field}: ${credentials}\r\n` : ''}\r\n`
  }
  await Promise.all(Array.from({ length: connections }, () => new Promise<void>((resolve) => {
    const open = (): void => {
      const reader = new ResponseReader()
      let started = performance.now()
      let isWaiting = true
      const done = (socket: Socket): void => {
        isWaiting = false
        latencies.add(started)
        if (reader.status !== status) failed++
        if (performance.now() >= deadline || reader.closes) {
          socket.end()
          return
        }
        reader.reset()
        isWaiting = true
        started = performance.now()
        socket.write(head())
      }
      const socket = connectTo(port, (chunk) => {
        if (isWaiting && reader.read(chunk)) done(socket)
      })
      socket.on('error', () => {})
      socket.once('close', () => {
        // A response without a length ends with its connection.
        if (isWaiting && reader.closes) latencies.add(started)
        if (isWaiting && (!reader.closes || reader.status !== status)) failed++
        if (performance.now() >= deadline) resolve()
        else open()
      })
      socket.write(head())
    }
    open()
  })))
  return { ...latencies.summary(), failed }
}
