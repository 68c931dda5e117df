// The gateway of the soak, in a process of its own so that what is measured is its alone. Started by run.ts.

import { EventEmitter } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { IncomingMessage, OutgoingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import * as v8 from 'node:v8'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { Registry } from 'prom-client'
import { UNREACHED } from '../fixtures/unreached-limits.js'
import { BACKLOG } from './origin.js'
import proxyAuth, { BasicStrategy, DigestStrategy, htpasswd, lookupStatic, proxyAuthMetrics } from '../../lib/index.js'

export interface GatewaySetup {
  readonly origin: number
  readonly accounts: string
  readonly cert: string
  readonly key: string
  /** The socket of a Redis, where there is one. */
  readonly redis?: string | undefined
}

/** What the gateway's process has and has done. */
export interface Snapshot {
  /** Octets of the heap in use, after its garbage was collected. */
  readonly heap: number
  /** Octets outside of it that it holds. */
  readonly external: number
  readonly rss: number
  readonly descriptors: number
  /** What keeps its event loop alive, by kind. */
  readonly resources: Readonly<Record<string, number>>
  /** The longest that the event loop was late since the snapshot before, in ms. */
  readonly delay: number
  /** Microseconds of processor time so far. */
  readonly cpu: number
  /** Lines of the log at level error, and what else must not be, since the snapshot before. */
  readonly faults: readonly string[]
}

/** Not in the types of node 20, which has it from 20.13. */
const { queryObjects } = v8 as unknown as { queryObjects (of: object, options: { format: 'count' }): number }

/** A limit that a client or an origin of the soak runs into. */
const LIMIT = 3000

// The stacks that are logged would take more time than all the rest.
process.setSourceMapsEnabled(false)

const setup = JSON.parse(process.argv[2]!) as GatewaySetup
const faults: string[] = []
process.on('unhandledRejection', reason => { faults.push(`unhandled: ${String(reason)}`) })
process.on('warning', ({ name, message }) => { if (name !== 'ExperimentalWarning') faults.push(`${name}: ${message}`) })

const stream = new Writable({
  write (line, _encoding, done) {
    // What an origin does is no fault of the gateway, and has a code of ours. What fails in the gateway has one as well.
    if (/"level":(?:50|60),/.test(String(line)) && !/"code":"FST_PROXY_AUTH_(?!\w*_FAILED")/.test(String(line))) faults.push(String(line))
    done()
  }
})
const redis = setup.redis === undefined ? undefined : new Redis({ path: setup.redis })
const accounts = htpasswd(setup.accounts, { cleartext: true })

async function listen (server: object): Promise<FastifyInstance> {
  // Node 20 tells nothing of a session whose connection was reset: it is ended when it has been idle, with its tunnels.
  const app = Fastify({ logger: { level: 'info', stream }, http2SessionTimeout: LIMIT, ...server } as object) as unknown as FastifyInstance
  const upstream = `http://127.0.0.1:${setup.origin}`
  await app.register(proxyAuth, {
    realm: 'Soak',
    strategies: [
      new DigestStrategy({ ...lookupStatic({ dora: 'dora-secret' }) }),
      new BasicStrategy({ verify: accounts.verify, cache: { ttl: 500 } })
    ],
    attempts: { perAddress: 1_000_000, perUser: 1_000_000 },
    strategyTimeout: 10 * LIMIT,
    limits: UNREACHED,
    ...redis && { redis: { client: redis, key: 'k'.repeat(32) } },
    policy: { default: 'allow', rules: [{ name: 'nowhere', users: ['dora'], to: ['nowhere.test'], action: 'deny' }] },
    status: { path: '/proxy-status', onRequest: (_request, _reply, done) => done() },
    forward: { special: [`127.0.0.1:${setup.origin}`], connectTimeout: LIMIT, headersTimeout: LIMIT, bodyTimeout: 10 * LIMIT },
    connect: { idleTimeout: 20 * LIMIT },
    reverse: [{ prefix: '/api', upstream }, { prefix: '/ws', upstream, websocket: true }]
  })
  await proxyAuthMetrics(app, { register: new Registry(), users: true })
  await app.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
  return app
}

const pair = { cert: readFileSync(setup.cert), key: readFileSync(setup.key) }
const apps = [await listen({}), await listen({ http2: true, https: { ...pair, allowHTTP1: true } })]
const [plain, h2] = apps.map(app => (app.server.address() as AddressInfo).port)
const late = monitorEventLoopDelay()
late.enable()

function snapshot (): Snapshot {
  globalThis.gc!()
  const { heapUsed, external, rss } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  const { user, system } = process.cpuUsage()
  const delay = late.max / 1e6
  late.reset()
  return { heap: heapUsed, external, rss, descriptors: readdirSync('/proc/self/fd').length, resources, delay, cpu: user + system, faults: faults.splice(0) }
}

/** What there is in memory of what a map may keep and the event loop does not know of: by class, with all that are derived from it. */
function objects (): Record<string, number> {
  return Object.fromEntries([EventEmitter, Socket, IncomingMessage, OutgoingMessage, AbortSignal, Map, Set].map(of => [of.name, queryObjects(of, { format: 'count' })]))
}

process.on('message', (message: { revoke: string } | 'snapshot' | 'objects') => {
  if (message === 'snapshot') process.send!(snapshot())
  else if (message === 'objects') process.send!(objects())
  else for (const app of apps) app.proxyAuthRevoke(message.revoke)
})
process.on('disconnect', () => process.exit())
process.send!({ plain, h2 })
