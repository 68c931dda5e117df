// Parent side of a benchmark: starts a server as a process of its own and reads what it has used.
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Usage {
  /** Microseconds of processor time, user and system. */
  readonly cpu: number
  /** Octets resident. */
  readonly rss: number
  /** Octets in use: of the heap, and of what hangs on it (buffers among them). The rest of what is resident is the allocator's. */
  readonly inUse: number
}

export class Child {
  private constructor (private readonly process: ChildProcess, readonly port: number, readonly pipe: number | undefined) {}

  static async start (name: string, env: NodeJS.ProcessEnv = {}): Promise<Child> {
    const file = fileURLToPath(new URL(`./servers/${name}.ts`, import.meta.url))
    // Without the paths of the project's own settings: what is measured is the compiled package.
    const TSX_TSCONFIG_PATH = fileURLToPath(new URL('./tsconfig.json', import.meta.url))
    const child = fork(file, { execArgv: ['--import', 'tsx', '--expose-gc'], env: { ...process.env, ...env, TSX_TSCONFIG_PATH } })
    const { port, pipe } = await next<{ port: number, pipe?: number }>(child)
    child.setMaxListeners(0)
    return new Child(child, port, pipe)
  }

  async usage (question: 'cpu' | 'gc' = 'cpu'): Promise<Usage> {
    this.process.send(question)
    const { cpu, rss, heapUsed, external } = await next<{ cpu: NodeJS.CpuUsage } & NodeJS.MemoryUsage>(this.process)
    return { cpu: cpu.user + cpu.system, rss, inUse: heapUsed + external }
  }

  stop (): void {
    this.process.disconnect()
  }
}

function next<Message> (child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    child.once('message', message => resolve(message as Message))
    child.once('exit', code => reject(new Error(`a server of the benchmark ended with ${code}`)))
  })
}

export function median (values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
