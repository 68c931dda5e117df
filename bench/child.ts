// A process of ours, started and asked from here: a server (servers/), or what sends the load (load/main.ts).
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { Ports } from './measured.js'
import { at } from './processor.js'
import type { Place } from './processor.js'
import { end, keep } from './started.js'
import type { Usage } from './usage.js'

/** How long a process may think, in ms. */
const ASK_TIMEOUT = 20_000

export class Child {
  private constructor (private readonly process: ChildProcess, readonly ports: Ports) {}

  /**
   * Starts one, and resolves once it listens.
   *
   * @param folder - Where the compiled programs are.
   */
  static async start (folder: string, name: string, place: Place, env: NodeJS.ProcessEnv = {}): Promise<Child> {
    const [execPath, ...execArgv] = at(place, [process.execPath, '--expose-gc'])
    const child = keep(fork(join(folder, `${name}.js`), { execPath, execArgv, env: { ...process.env, ...env } }))
    return new Child(child, await next<Ports>(child, name, ASK_TIMEOUT))
  }

  /** What it has used so far. */
  async usage (): Promise<Usage> {
    return await this.ask('usage')
  }

  /** The same without garbage. */
  async collected (): Promise<Usage> {
    return await this.ask('collect')
  }

  /**
   * One question at a time: the responses have no names.
   *
   * @throws {Error} It has ended, or there is no response in time.
   */
  async ask<Response> (question: string | object, time = ASK_TIMEOUT): Promise<Response> {
    if (!this.process.connected) throw new Error('a process of the benchmark has ended')
    const response = next<Response>(this.process, JSON.stringify(question), time)
    this.process.send(question)
    return await response
  }

  async end (): Promise<void> {
    await end(this.process)
  }
}

function next<Message> (child: ChildProcess, what: string, time: number): Promise<Message> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      over()
      reject(new Error(`a process of the benchmark was silent for ${time / 1000} s: ${what}`))
    }, time)
    const over = (): void => {
      clearTimeout(timer)
      child.off('message', message)
      child.off('exit', exit)
    }
    const message = (value: unknown): void => {
      over()
      if (typeof value === 'object' && value !== null && 'failure' in value) reject(new Error(String(value.failure)))
      else resolve(value as Message)
    }
    const exit = (code: number | null): void => {
      over()
      reject(new Error(`a process of the benchmark has ended with ${code}: ${what}`))
    }
    child.on('message', message).on('exit', exit)
  })
}
