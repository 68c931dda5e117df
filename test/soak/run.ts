// `npm run soak`: mixed traffic at half of what the machine can do, and what the gateway has over time. See docs/internals/soak.md.
//   SOAK_SECONDS (default 60) or SOAK_MINUTES: how long.

import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { CLIENTS } from './clients.js'
import type { Surroundings } from './clients.js'
import type { Snapshot } from './gateway.js'
import { plot, plotsOf, quantile, slope } from './plot.js'
import { held, QUIET, startWorld } from './world.js'

const SECONDS = Number(process.env['SOAK_SECONDS'] ?? Number(process.env['SOAK_MINUTES'] ?? 1) * 60)
const SAMPLES = 60
/**
 * Requests that are open at a time, at most. Node accepts one connection in each turn of its event loop, so a machine that gets busier
 * than it was when the rate was measured has this many wait in line.
 */
const ROOM = 150
/** How long a client may take; the tunnels of the guest take some seconds. */
const PATIENCE = 30_000
/** Octets by which the heap may grow in the second half of the time: what is under way, and code that V8 compiles. */
const NOISE = 2 * 2 ** 20
/** And that for each client: V8 goes on to keep some of the code that it compiles anew. */
const FOR_EACH = 8

const world = await startWorld()
const { child, fail, snapshot, atRest } = world
const around: Surroundings = { ...world.ports, origin: world.target.port, agent: new Agent({ keepAlive: true, maxSockets: 64 }) }
const ACCOUNTS = readFileSync(world.accounts, 'utf8')
const setAccounts = (lines: string) => writeFileSync(world.accounts, lines)

/** Names of clients, each as often as its share. */
const drawn = Object.entries(CLIENTS).flatMap(([name, [share]]) => Array<string>(share).fill(name))
let latencies: number[] = []
const running = new Set<Promise<void>>()
let done = 0
let full = 0

async function one (name = drawn[Math.floor(Math.random() * drawn.length)]!): Promise<void> {
  const began = performance.now()
  try {
    const late = AbortSignal.timeout(PATIENCE)
    await Promise.race([CLIENTS[name]![1](around), once(late, 'abort').then(() => { throw new Error(`not done after ${PATIENCE / 1000} s`) })])
    if (name === 'forward GET') latencies.push(performance.now() - began)
  } catch (error) {
    fail(`${name}: ${(error as Error).message}`)
  } finally {
    done += 1
  }
}

function start (): void {
  const client = one().finally(() => running.delete(client))
  running.add(client)
}

// How fast it goes: as many as there is room for, each followed by the next.
const CALIBRATION = Math.min(5, SECONDS / 6) * 1000
const calibrated = performance.now() + CALIBRATION
await Promise.all(Array.from({ length: 64 }, async () => {
  while (performance.now() < calibrated) await one()
}))
const rate = done / CALIBRATION / 2
console.log(`${(rate * 2000).toFixed(0)} a second at most; ${SECONDS} s at half of it`)

// Half of it, at random moments. Half of the time the guest has an account; when it has none, its tunnels are cut. More than
// once: until the file is read again, new ones are let in.
const samples: Array<Snapshot & { done: number, p50: number, p99: number }> = []
const began = performance.now()
let due = began
let guest = false
const revoking = setInterval(() => { if (!guest) child.send({ revoke: 'guest' }) }, 500)
let guestUntil = began
for (let next = began; performance.now() < began + SECONDS * 1000;) {
  const now = performance.now()
  while (due < now) {
    due += -Math.log(1 - Math.random()) / rate
    if (running.size < ROOM) start()
    else full += 1
  }
  if (now > guestUntil) {
    guest = !guest
    setAccounts(guest ? `${ACCOUNTS}guest:guest-secret\n` : ACCOUNTS)
    guestUntil += 3000
  }
  if (now > next) {
    next += SECONDS * 1000 / SAMPLES
    const taken = latencies
    latencies = []
    const sample = await snapshot()
    samples.push({ ...sample, done, p50: quantile(taken, 0.5), p99: quantile(taken, 0.99) })
  }
  await wait(2)
}

// The end: nothing is sent any more, and what was opened is closed.
setAccounts(ACCOUNTS)
guest = false
await Promise.race([Promise.all(running), wait(QUIET, undefined, { ref: false })])
clearInterval(revoking)
if (running.size > 0) fail(`${running.size} clients were not done ${QUIET / 1000} s behind the end`)
around.agent.destroy()
around.session?.destroy()
const last = await world.quiet()

// Flat: the last third of the time beside the one before it. What comes before that fills caches.
const third = Math.floor(samples.length / 3)
const middle = samples.slice(third, 2 * third)
const end = samples.slice(2 * third)
const median = (of: typeof samples, value: (sample: typeof samples[number]) => number) => quantile(of.map(value), 0.5)
if (median(end, held) > median(middle, held) * 1.1 + 4) fail(`what is held grew from ${median(middle, held).toFixed(1)} to ${median(end, held).toFixed(1)} MiB`)
// And the second half of it by the number of clients: what each of them leaves behind shows in an hour as little at a time.
const half = samples.slice(Math.floor(samples.length / 2))
const clients = half.at(-1)!.done - half[0]!.done
const each = slope(half.map(({ done, heap }) => [done, heap]))
if (each * clients > NOISE + FOR_EACH * clients) fail(`the heap grew by ${each.toFixed(0)} octets for each of ${clients} clients`)
if (median(end, ({ descriptors }) => descriptors) > median(middle, ({ descriptors }) => descriptors) * 1.25 + 20) fail('descriptors grew')
if (median(end, ({ p99 }) => p99) > median(middle, ({ p99 }) => p99) * 2 + 100) fail('the p99 of latencies grew')

console.log(plotsOf(samples))
console.log(plot('loop is late', samples.map(({ delay }) => delay), 'ms'))
console.log(plot('GET, p50', samples.map(({ p50 }) => p50), 'ms'))
console.log(plot('GET, p99', samples.map(({ p99 }) => p99), 'ms'))
console.log(`${done} done, ${full} left out for want of room; at rest ${held(atRest).toFixed(1)} MiB and ${atRest.descriptors} descriptors, ` +
  `at the end ${held(last).toFixed(1)} MiB and ${last.descriptors}; ${((last.cpu - atRest.cpu) / 1e6).toFixed(0)} s of processor time`)
console.log(`in the second half the heap grew by ${each.toFixed(1)} octets for each of ${clients} clients`)
world.end('soak')
