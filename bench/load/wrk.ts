// Requests from wrk, which needs a fraction of the processor that node needs for them.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { at } from '../processor.js'
import { keep } from '../started.js'
import { usedByEnded } from '../usage.js'
import type { Loaded } from './load.js'
import type { Requests } from './requests.js'

/** Takes its credentials from the lines of a file. */
const SCRIPT = `
local file = io.open(os.getenv("LINES"))
local field = os.getenv("FIELD")
local target = os.getenv("TARGET")
local last
wrk.headers["Host"] = os.getenv("HOST")
request = function()
  last = file:read("*l") or last
  if last then wrk.headers[field] = last end
  return wrk.format("GET", target)
end
`
const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 }

/** @param folder - For its script. */
export async function wrk ({ port, target, host, field, status, seconds, connections, file }: Requests, folder: string): Promise<Loaded> {
  const script = join(folder, 'wrk.lua')
  writeFileSync(script, SCRIPT)
  const before = usedByEnded()
  const [command, ...args] = at('load', [
    'wrk', '-t1', `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, '--latency', '-s', script, `http://127.0.0.1:${port}/`
  ])
  const env = { PATH: process.env['PATH'], LINES: file, FIELD: field, TARGET: target, HOST: host }
  const running = promisify(execFile)(command, args, { env })
  keep(running.child)
  const { stdout } = await running
  const first = (pattern: RegExp): RegExpExecArray | null => pattern.exec(stdout)
  const ms = (share: number): number => {
    const [, number, unit] = first(new RegExp(`${share}%\\s+([\\d.]+)(us|ms|s)`))!
    return Number(number) * MS[unit!]!
  }
  const [, units, time, unit] = first(/(\d+) requests in ([\d.]+)(ms|s)/)!
  const others = Number(first(/Non-2xx or 3xx responses: (\d+)/)?.[1] ?? 0)
  const errors = first(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/)?.slice(1).map(Number) ?? []
  return {
    units: Number(units),
    seconds: Number(time) * MS[unit!]! / 1000,
    cpu: usedByEnded() - before,
    p50: ms(50),
    p99: ms(99),
    failed: (status < 400 ? others : Number(units) - others) + errors.reduce((a, b) => a + b, 0)
  }
}
