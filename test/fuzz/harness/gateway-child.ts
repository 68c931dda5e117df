// The gateway under test, with everything switched on, in a process of its own: it may end. Started by world.ts, which it
// talks to by messages.

import { subscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import * as v8 from 'node:v8'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import { UNREACHED } from '../../fixtures/unreached-limits.js'
import { AWS4_KEY, AWS4_SECRET, OTHER_PASSWORD, PASSWORD, REALM, TOKEN, USER } from './secrets.js'
import type { Listener, Question, Settled, Setup } from './world.js'

/** Longer than anything that the fuzzers make wait, shorter than they wait for it. */
const LIMIT = 1500

/** Of node 20.13 and later; the types here are older. */
const { queryObjects } = v8 as unknown as { readonly queryObjects?: (type: object, options: { readonly format: 'count' }) => number }

const setup = JSON.parse(process.argv[2]!) as Setup
const lib = process.env['FUZZ_LIB']
const { default: proxyAuth, ...ours } = await import(lib === undefined ? '../../../lib/index.js' : pathToFileURL(lib).href) as typeof import('../../../lib/index.js')

let accepted = 0
const faults: string[] = []
let log: string[] = []
process.on('unhandledRejection', reason => { faults.push(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`) })
process.on('warning', ({ name, message, stack = message }) => {
  if (name !== 'ExperimentalWarning' && !ofFastify(stack)) faults.push(stack)
})

/** On the application's own routes Fastify says `Connection: close` to content it does not take, over HTTP/2 as well. */
function ofFastify (stack: string): boolean {
  return stack.includes('connection header is not valid') && !stack.includes('sendOwn')
}

const stream = new Writable({
  write (line, _encoding, done) {
    log.push(String(line))
    done()
  }
})

const users: Readonly<Record<string, string>> = { [USER]: PASSWORD, bob: OTHER_PASSWORD }

function strategies () {
  const { lookup, lookupHash } = ours.lookupStatic(users)
  const verify = ours.verifyStatic(users)
  return [
    new ours.DigestStrategy({ lookup, lookupHash, qop: ['auth', 'auth-int'], algorithms: ['SHA-256', 'MD5'] }),
    new ours.BasicStrategy({ verify: async (...pair) => await verify(...pair), cache: { ttl: 1000 } }),
    new ours.BearerStrategy({ verify: token => token === TOKEN ? { username: USER } : null }),
    new ours.NtlmStrategy({ lookup }),
    new ours.Aws4Strategy({ region: 'local', service: 'proxy', lookup: id => id === AWS4_KEY ? { secret: AWS4_SECRET, user: { username: USER } } : null })
  ]
}

for (const name of ['challenged', 'granted', 'refused', 'denied', 'opened', 'progress', 'closed', 'limited', 'store']) {
  subscribe(`fastify-proxy-auth:${name}`, event => { log.push(JSON.stringify(event)) })
}

/** One of each for all listeners: what one of them has challenged with is good for all. */
const shared = strategies()
/** Of listeners of HTTP/2. */
const sockets = new Set<Socket>()

async function listen (server: object): Promise<FastifyInstance> {
  const app = Fastify({ logger: { level: 'trace', stream }, routerOptions: { maxParamLength: 1000 }, ...server } as object) as unknown as FastifyInstance
  const upstream = `http://127.0.0.1:${setup.origin}`
  const undici = { headersTimeout: LIMIT, bodyTimeout: LIMIT }
  app.get('/free', async () => 'free')
  await app.register(proxyAuth, {
    realm: REALM,
    strategies: shared,
    connectionBound: { handshakeTimeout: LIMIT },
    attempts: { perAddress: 1_000_000, perUser: 1_000_000 },
    identity: { header: 'x-user' },
    via: 'fuzzed',
    strategyTimeout: LIMIT,
    drainTimeout: 100,
    authInt: { contentTimeout: LIMIT },
    limits: UNREACHED,
    policy: { default: 'allow', rules: [{ name: 'nowhere', users: [USER], to: ['nowhere.test'], action: 'deny' }] },
    connect: { idleTimeout: LIMIT },
    forward: {
      special: [`127.0.0.1:${setup.origin}`, ...setup.tunnels.map(port => `127.0.0.1:${port}`), 'origin.test:*', '[::1]:1'],
      lookup: ((host: string, _options: unknown, done: (error: Error | null, addresses: object[]) => void) => {
        if (host === 'origin.test') done(null, [{ address: '127.0.0.1', family: 4 }])
        else done(new Error('no such name'), [])
      }) as never,
      pac: true,
      connectTimeout: LIMIT,
      headersTimeout: LIMIT,
      bodyTimeout: LIMIT
    },
    reverse: [
      { prefix: '/api', upstream, undici },
      { prefix: '/ws', upstream, undici, websocket: true },
      { prefix: '/given', upstream, undici, websocket: true, wsClientOptions: {} },
      { prefix: '/t/:tenant', upstream, undici, rewritePrefix: '/tenants/:tenant' },
      { prefix: '/as-origin', upstream, undici, status: 401 },
      { prefix: '/open', upstream, undici, anonymous: true }
    ]
  } as never)
  await ours.proxyAuthMetrics(app, { register: new Registry(), users: true })
  app.all('/own', { onRequest: app.proxyAuthenticate as never }, async () => 'own')
  app.post('/echo', { onRequest: app.proxyAuthenticate as never }, async ({ body }) => ({ body }))
  app.get('/versioned', { constraints: { version: '1.2.0' } }, async () => 'versioned')
  // The fuzzers make no address that fails for long; what a client does not say in time is none of their matter.
  app.server.setTimeout(0)
  app.server.on('connection', (socket: Socket) => {
    accepted += 1
    if (!('http2' in server)) return
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

const pair = { cert: readFileSync(setup.cert), key: readFileSync(setup.key) }
const servers: Record<Listener, object> = {
  plain: {},
  tls: { https: pair },
  h2c: { http2: true },
  h2: { http2: true, https: { ...pair, allowHTTP1: true } }
}
const ports: Partial<Record<Listener, number>> = {}
for (const [name, server] of Object.entries(servers)) {
  ports[name as Listener] = ((await listen(server)).server.address() as AddressInfo).port
}

function resources (): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    // A request for the next turn, and what carries this very report, are no leak.
    if (kind !== 'Immediate' && kind !== 'PipeWrap' && !kind.endsWith('Req') && !kind.endsWith('ReqWrap')) counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

const atFirst = resources()

function leftOver (): Record<string, number> {
  return Object.fromEntries(Object.entries(resources())
    .map(([kind, count]) => [kind, count - (atFirst[kind] ?? 0)] as const)
    .filter(([, more]) => more > 0))
}

/**
 * Of which there are as many as there are connections, requests and streams that something still knows of. Node 20 keeps the session
 * of a connection that broke, and with it the socket, until the session's timer ends.
 */
const OF_A_RUN = Number.parseInt(process.versions.node) < 22 ? [IncomingMessage, ServerResponse] : [Socket, IncomingMessage, ServerResponse]
/** How many there may be of each beyond those at first: pools and parsers keep some. */
const SPARE = 200
let runs = 0
let objectsAtFirst: number[] | undefined

/** Once in a while: objects that a map or a room keeps, where the event loop knows of none. */
async function keptObjects (): Promise<Record<string, number>> {
  runs += 1
  if (runs % 500 !== 100 || queryObjects === undefined) return {}
  await new Promise(resolve => setImmediate(resolve))
  const counts = OF_A_RUN.map(type => queryObjects(type, { format: 'count' }))
  objectsAtFirst ??= counts
  return Object.fromEntries(counts.flatMap((count, index) => {
    const more = count - objectsAtFirst![index]!
    return more > SPARE ? [[`${OF_A_RUN[index]!.name} objects`, more]] : []
  }))
}

interface Left extends Socket {
  readonly _httpMessage?: ServerResponse | null
  readonly parser?: object | null
  readonly _handle?: { getpeername?: (address: object) => number } | null
}

/** What node knows of each connection that is left. */
function aboutSockets (): string[] {
  const handles = (process as unknown as { _getActiveHandles: () => object[] })._getActiveHandles()
  return handles.filter(handle => handle instanceof Socket).map(handle => {
    const { _httpMessage: response, parser, _handle, bytesRead, bytesWritten, writableLength, readableEnded, writableEnded, writableFinished } = handle as Left
    return JSON.stringify({
      ...{ type: handle.constructor.name, bytesRead, bytesWritten, writableLength, readableEnded, writableEnded, writableFinished },
      ...{ paused: handle.isPaused(), peer: _handle?.getpeername?.({}), parses: parser != null },
      response: response && `${response.req.method} ${response.req.url} ${response.statusCode}, ended: ${response.writableEnded}, finished: ${response.writableFinished}`
    })
  })
}

/** Waits until nothing of the run is left, or for `limit` ms, and tells what there is to tell of it. */
async function settle ({ connections, traces, limit, broken }: Question): Promise<Settled> {
  const until = Date.now() + limit
  // Between two connections of a request there may be a moment without any.
  for (let turns = 0, clean = 0; clean < 3 && Date.now() < until; turns++) {
    await new Promise(resolve => {
      if (turns < 10) setImmediate(resolve)
      else setTimeout(resolve, Math.min(turns - 9, 50)).unref()
    })
    if (broken && accepted >= connections) for (const socket of sockets) socket.destroy()
    clean = accepted >= connections && Object.keys(leftOver()).length === 0 ? clean + 1 : 0
  }
  const text = log.map(readable)
  const left = { ...leftOver(), ...await keptObjects() }
  const told: Settled = {
    left,
    sockets: Object.keys(left).length > 0 ? aboutSockets() : [],
    faults: faults.splice(0),
    leaks: text.filter(line => traces.some(trace => line.includes(trace))),
    errors: text.filter(line => /"level":(?:50|60),/.test(line)),
    codes: [...new Set(text.flatMap(line => [...line.matchAll(/"code":"(FST_PROXY_AUTH_\w+)"/g)].map(([, code]) => code!)))]
  }
  log = []
  accepted = 0
  return told
}

/** A line with the octets in it made readable: an error of node's parser has the packet. */
function readable (line: string): string {
  if (!line.includes('"type":"Buffer"')) return line
  return JSON.stringify(JSON.parse(line), (_key, value) => value?.type === 'Buffer' && Array.isArray(value.data) ? Buffer.from(value.data).toString('latin1') : value)
}

process.on('message', async (question: Question) => {
  process.send!(await settle(question))
})
process.on('disconnect', () => process.exit())
process.send!({ ports })
