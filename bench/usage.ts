// What a program has used, with all processes that it has started, as Linux tells it.
import { readFileSync, readdirSync } from 'node:fs'

export interface Usage {
  /** Microseconds of processor time, user and system. */
  readonly cpu: number
  /** Octets resident. */
  readonly rss: number
  /** The most octets that have been resident. */
  readonly peak: number
  /** Octets in use, of the heap and of what hangs on it, where node tells. The rest of what is resident is kept by allocators. */
  readonly inUse?: number
}

/** Microseconds in a tick of /proc/PID/stat, on every Linux. */
const TICK = 10_000

/** The process and all below it. */
export function usageOf (pid: number): Usage {
  return tree(pid).map(usageOfOne).reduce((a, b) => ({ cpu: a.cpu + b.cpu, rss: a.rss + b.rss, peak: a.peak + b.peak }))
}

/** Microseconds of processor time of the processes that this one has started and that have ended. */
export function usedByEnded (): number {
  const [, , ...ticks] = timesOf(process.pid)
  return sum(ticks) * TICK
}

function usageOfOne (pid: number): Usage {
  // Ticks of 10 ms know the threads that have ended; nanoseconds are exact, and know the others.
  const exact = sum(threads(pid).map((id) => Number(read(`/proc/${pid}/task/${id}/schedstat`).split(' ')[0]) / 1000))
  const status = read(`/proc/${pid}/status`)
  const octets = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024
  return { cpu: Math.max(exact, sum(timesOf(pid)) * TICK), rss: octets('VmRSS'), peak: octets('VmHWM') }
}

/** In ticks: user, system, and those of the children that have ended. */
function timesOf (pid: number): number[] {
  const stat = read(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 16).map(Number)
}

function tree (pid: number): number[] {
  const children = threads(pid).flatMap((id) => read(`/proc/${pid}/task/${id}/children`).split(' ').filter(Boolean))
  return [pid, ...children.flatMap((child) => tree(Number(child)))]
}

function threads (pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return [] // it has ended
  }
}

function read (path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // the process or thread has ended
  }
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
