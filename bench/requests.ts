// Processor time of the gateway per request, under load from wrk: a forwarded 1 KiB GET with Basic and with Digest, the
// same on a reverse route, and a bare @fastify/http-proxy without authentication. Rounds are interleaved, medians printed.
//   npm run bench:requests            (needs wrk)
import { execFileSync } from 'node:child_process'
import { get } from 'node:http'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answerDigestChallenge } from 'fastify-proxy-auth'
import { Child, median } from './child.js'

const ROUNDS = Number(process.env['ROUNDS'] ?? 5)
const SECONDS = Number(process.env['SECONDS'] ?? 4)
const BASIC = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`

const origin = await Child.start('origin')
const ORIGIN = `http://127.0.0.1:${origin.port}`
const bare = await Child.start('bare-http-proxy', { ORIGIN })
const gateway = await Child.start('gateway', { ORIGIN })

const directory = mkdtempSync(join(tmpdir(), 'bench-'))
const script = join(directory, 'request.lua')
const lines = join(directory, 'credentials')
// Each request has the next line of the file, so that no Digest credentials are used twice.
writeFileSync(script, `
local file = io.open(os.getenv("LINES"))
local last
request = function()
  last = file:read("*l") or last
  return wrk.format("GET", os.getenv("TARGET"), { ["Proxy-Authorization"] = last })
end
`)
// Far more than one round takes.
const MOST = SECONDS * 20_000

const cases = [
  { name: 'bare reverse, no authentication', child: bare, target: '/', credentials: () => [BASIC] },
  { name: 'forward, Basic', child: gateway, target: `${ORIGIN}/`, credentials: () => [BASIC] },
  { name: 'forward, Digest', child: gateway, target: `${ORIGIN}/`, credentials: digest },
  { name: 'reverse, Basic', child: gateway, target: '/api/', credentials: () => [BASIC] }
]
const costs = cases.map(() => [] as number[])
for (let round = -1; round < ROUNDS; round++) {
  for (const [i, { child, target, credentials }] of cases.entries()) {
    writeFileSync(lines, (await credentials()).join('\n'))
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
    '-t1', '-c50', `-d${SECONDS}s`, '-s', script, `http://127.0.0.1:${port}/`
  ], { env: { ...process.env, TARGET: target, LINES: lines }, encoding: 'utf8' })
  if (/Non-2xx/.test(out)) throw new Error(out)
  return Number(/(\d+) requests in/.exec(out)![1])
}

/** Credentials for one nonce, counted up. */
async function digest (): Promise<string[]> {
  const challenge = await new Promise<string>((resolve, reject) => {
    get({ port: gateway.port, host: '127.0.0.1', path: `${ORIGIN}/` }, response => {
      response.resume()
      resolve([response.headers['proxy-authenticate']].flat().join(', '))
    }).once('error', reject)
  })
  const request = { username: 'alice', password: 'alice-secret', method: 'GET', uri: '/' }
  return Array.from({ length: MOST }, (_, i) => answerDigestChallenge(challenge, { ...request, nc: i + 1, cnonce: `cnonce-${i}` })!.credentials)
}
