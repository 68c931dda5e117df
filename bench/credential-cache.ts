// What a slow hash (bcrypt, cost 10) and a flood of wrong passwords cost a user whose password is remembered: requests a
// second on 16 connections with plain Basic, with the file, and with the file while four connections send a new wrong
// password each time. Rounds are interleaved, medians printed; it fails when a right request was refused.
//   npm run bench:cache               (needs wrk and htpasswd)
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Child, median } from './child.js'

const ROUNDS = Number(process.env['ROUNDS'] ?? 5)
const SECONDS = Number(process.env['SECONDS'] ?? 4)
const CONNECTIONS = 16
const FLOOD = 4
const basic = (password: string) => `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`

const directory = mkdtempSync(join(tmpdir(), 'bench-'))
const users = join(directory, 'users')
execFileSync('htpasswd', ['-cbB', '-C', '10', users, 'alice', 'alice-secret'], { stdio: 'ignore' })
const script = join(directory, 'target.lua')
writeFileSync(script, 'request = function() return wrk.format("GET", os.getenv("TARGET")) end\n')

const origin = await Child.start('origin')
const TARGET = `http://127.0.0.1:${origin.port}/`
const plain = await Child.start('basic')
const remembering = await Child.start('basic', { USERS: users })

const cases = [
  { name: 'plain Basic', child: plain, flooded: false },
  { name: 'bcrypt, remembered', child: remembering, flooded: false },
  { name: 'the same in a flood', child: remembering, flooded: true }
]
const rates = cases.map(() => [] as number[])
const slowest = cases.map(() => [] as number[])
let guesses = 0
for (let round = -1; round < ROUNDS; round++) {
  for (const [i, { child, flooded }] of cases.entries()) {
    const stop = flooded ? flood(child.port) : async () => {}
    const { rate, p99 } = await load(child.port)
    await stop()
    if (round < 0) continue // the first round warms up
    rates[i]!.push(rate)
    slowest[i]!.push(p99)
  }
}
for (const [i, { name }] of cases.entries()) {
  const share = median(rates[i]!) / median(rates[0]!)
  console.log(`${name.padEnd(22)} ${median(rates[i]!).toFixed(0).padStart(6)} requests/s   ${share.toFixed(2)} × plain   p99 ${median(slowest[i]!).toFixed(1)} ms, at worst ${Math.max(...slowest[i]!).toFixed(1)} ms`)
}
console.log(`${(guesses / SECONDS / (ROUNDS + 1)).toFixed(1)} guesses/s answered in the flood; no right request was refused`)
for (const child of [origin, plain, remembering]) child.stop()
rmSync(directory, { recursive: true })

/** @throws {Error} A request was refused. */
async function load (port: number): Promise<{ rate: number, p99: number }> {
  const { stdout } = await promisify(execFile)('wrk', [
    '-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`, '--latency', '-s', script, '-H', `Proxy-Authorization: ${basic('alice-secret')}`, `http://127.0.0.1:${port}/`
  ], { env: { ...process.env, TARGET } })
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout)
  const [, number, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout)!
  return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)![1]), p99: Number(number) * { us: 0.001, ms: 1, s: 1000 }[unit as 'us' | 'ms' | 's'] }
}

/** @returns Ends it. */
function flood (port: number): () => Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: FLOOD })
  const until = { over: false }
  const guess = () => new Promise<void>((resolve, reject) => {
    const headers = { 'proxy-authorization': basic(`guess ${guesses}`) }
    guesses++
    get({ port, host: '127.0.0.1', path: TARGET, headers, agent }, answer => {
      if (answer.statusCode !== 407) reject(new Error(`a guess was answered with ${answer.statusCode}`))
      answer.resume().once('end', resolve)
    }).once('error', reject)
  })
  const all = Array.from({ length: FLOOD }, async () => { while (!until.over) await guess() })
  return async () => {
    until.over = true
    await Promise.all(all)
    agent.destroy()
  }
}
