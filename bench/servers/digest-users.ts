// Whether the time until a refusal tells if there is such a user: wrong Digest credentials for a user that there is and for one
// that there is not, interleaved, and a paired t-test over the times. There is no socket in between, which would hide more than
// it shows. Beside it a user that there is as well, for what no difference looks like: |t| below 2.6.
import Fastify from 'fastify'
import proxyAuth, { DigestStrategy, answerDigestChallenge, lookupStatic } from 'fastify-proxy-auth'
import { measured } from '../measured.js'

const SAMPLES = 10_000 * Number(process.env['BENCH_SECONDS'] ?? 1)
const WARM_UP = 0.3 * SAMPLES
const CUT = 0.1
const USERS = ['alice', 'carol', 'nobdy'] as const // of one length
type User = typeof USERS[number]

const app = Fastify()
await app.register(proxyAuth, {
  realm: 'bench',
  strategies: [new DigestStrategy(lookupStatic({ alice: 'alice-secret', carol: 'carol-secret' }))],
  reverse: [{ prefix: '/api', upstream: 'http://127.0.0.1:9' }]
})
await app.ready()

const challenge = String((await app.inject('/api/')).headers['proxy-authenticate'])
const times: Record<User, number[]> = { alice: [], carol: [], nobdy: [] }

process.on('message', async (message) => { if (message === 'times') process.send!({ lines: await compare() }) })
measured({})

async function compare (): Promise<string[]> {
  for (let i = 0; i < WARM_UP + SAMPLES; i++) {
    for (const username of shuffled(USERS)) {
      const time = await refuse(username, i)
      if (i >= WARM_UP) times[username].push(time)
    }
  }
  return (['carol', 'nobdy'] as const).map((other) => {
    const { mean, t } = trimmed(times[other].map((time, i) => time - times.alice[i]!))
    const name = other === 'carol' ? 'a user that there is as well' : 'a user that there is not'
    return `a wrong Digest for ${name}: ${mean.toFixed(2)} µs of ${quantile(times.alice, 0.5).toFixed(1)} µs longer, t = ${t.toFixed(2)}`
  })
}

/** @returns How long it took, in µs. */
async function refuse (username: User, number: number): Promise<number> {
  const request = { username, password: 'wrong', method: 'GET', uri: '/api/', nc: number + 1, cnonce: `cnonce-${number}` }
  const headers = { 'proxy-authorization': answerDigestChallenge(challenge, request)!.credentials }
  const sent = process.hrtime.bigint()
  const { statusCode } = await app.inject({ url: '/api/', headers })
  if (statusCode !== 407) throw new Error(`a wrong password got ${statusCode}`)
  return Number(process.hrtime.bigint() - sent) / 1000
}

/** Which comes first must not matter: the second one may pay for what the first one has left behind. */
function shuffled (users: readonly User[]): User[] {
  return users.map((user) => [Math.random(), user] as const).sort(([a], [b]) => a - b).map(([, user]) => user)
}

/** Yuen's t-test of a mean without both ends, which are the machine's. */
function trimmed (differences: readonly number[]): { mean: number, t: number } {
  const sorted = [...differences].sort((a, b) => a - b)
  const cut = Math.floor(sorted.length * CUT)
  const kept = sorted.slice(cut, sorted.length - cut)
  const mean = average(kept)
  const winsorized = sorted.map((each) => Math.min(Math.max(each, kept[0]!), kept.at(-1)!))
  const centre = average(winsorized)
  const variance = winsorized.reduce((sum, each) => sum + (each - centre) ** 2, 0) / (sorted.length - 1)
  return { mean, t: mean * (1 - 2 * CUT) / Math.sqrt(variance / sorted.length) }
}

function average (values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function quantile (all: readonly number[], share: number): number {
  return [...all].sort((a, b) => a - b)[Math.floor(all.length * share)]!
}
