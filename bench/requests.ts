// Processor time of the gateway per request, under load from wrk: a forwarded 1 KiB GET with Basic, the same on a
// reverse route, and a bare @fastify/http-proxy without authentication. Rounds are interleaved, medians printed.
//   npm run bench:requests            (needs wrk)
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child, median } from './child.js'

const ROUNDS = Number(process.env['ROUNDS'] ?? 5)
const SECONDS = Number(process.env['SECONDS'] ?? 4)
const BASIC = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`

const origin = await Child.start('origin')
const ORIGIN = `http://127.0.0.1:${origin.port}`
const bare = await Child.start('bare-http-proxy', { ORIGIN })
const gateway = await Child.start('gateway', { ORIGIN })

const directory = mkdtempSync(join(tmpdir(), 'bench-'))
const script = join(directory, 'path.lua')
writeFileSync(script, 'request = function() return wrk.format("GET", os.getenv("TARGET")) end\n')

const cases = [
  { name: 'bare reverse, no authentication', child: bare, target: '/' },
  { name: 'forward, Basic', child: gateway, target: `${ORIGIN}/` },
  { name: 'reverse, Basic', child: gateway, target: '/api/' }
]
const costs = cases.map(() => [] as number[])
for (let round = -1; round < ROUNDS; round++) {
  for (const [i, { child, target }] of cases.entries()) {
    const before = await child.usage()
    const requests = load(child.port, target)
    const after = await child.usage()
    if (round >= 0) costs[i]!.push((after.cpu - before.cpu) / requests) // the first round warms up
  }
}
for (const [i, { name }] of cases.entries()) {
  const cost = median(costs[i]!)
  console.log(`${name.padEnd(34)} ${cost.toFixed(1)} µs CPU per request   ${(cost / median(costs[0]!)).toFixed(2)} × bare`)
}
for (const child of [origin, bare, gateway]) child.stop()
rmSync(directory, { recursive: true })

function load (port: number, target: string): number {
  const out = execFileSync('wrk', [
    '-t1', '-c50', `-d${SECONDS}s`, '-s', script, '-H', `Proxy-Authorization: ${BASIC}`, `http://127.0.0.1:${port}/`
  ], { env: { ...process.env, TARGET: target }, encoding: 'utf8' })
  if (/Non-2xx/.test(out)) throw new Error(out)
  return Number(/(\d+) requests in/.exec(out)![1])
}
