// `npm run aborts`: clients that leave tunnels, upgrades and uploads at any moment, as fast as it goes, and what the gateway has
// left of them. See docs/internals/soak.md.
//   ABORTS (default 2000): how many.

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tlsOver } from '../fixtures/tls-over.js'
import { plotsOf } from './plot.js'
import { held, startWorld } from './world.js'
import type { Snapshot } from './gateway.js'

const ABORTS = Number(process.env['ABORTS'] ?? 2000)
const SAMPLES = 20
/** After these the caches are full and the code is compiled: what is there then is what has to be there at the end. */
const WARM_UP = 1000
/** Requests that are open at a time. */
const ROOM = 96
/** How long a client waits for a response before it leaves. */
const PATIENCE = 10_000
/** Streams of an HTTP/2 session, as many at a time as a session of them has room. Node refuses clients that reset more than 1000 at once. */
const STREAMS = 200

const world = await startWorld()
const { ports: { plain, h2 }, target, fail } = world
const RIGHT = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`
const PART = Buffer.alloc(4000, 'x')

/** When the client leaves. */
const MOMENTS = ['with its request', 'behind it', 'with the first of the response', 'later'] as const
const counts = new Map<string, number>()

function draw<Item> (of: readonly Item[]): Item {
  return of[Math.floor(Math.random() * of.length)]!
}

function done (...names: string[]): void {
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
}

/** Texts of requests of HTTP/1.1, each with what follows on its connection in the middle of which the client leaves. */
function requests (): Readonly<Record<string, string>> {
  const authority = `127.0.0.1:${target.port}`
  const head = (line: string, ...fields: string[]) => [`${line} HTTP/1.1`, `Host: ${authority}`, `Proxy-Authorization: ${RIGHT}`, ...fields, '', ''].join('\r\n')
  const upgrade = ['Connection: Upgrade', 'Upgrade: echo']
  const length = 'Content-Length: 1000000'
  const chunked = 'Transfer-Encoding: chunked'
  return {
    tunnel: head(`CONNECT ${authority}`),
    'tunnel, octets behind it': head(`CONNECT ${authority}`) + 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n',
    'tunnel, refused': `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
    'upgrade, forward': head(`GET http://${authority}/`, ...upgrade),
    'upgrade, reverse': head('GET /api/', ...upgrade),
    'upload, forward, length': head(`POST http://${authority}/`, length),
    'upload, forward, chunked': head(`POST http://${authority}/`, chunked) + 'fa0\r\n',
    'upload, forward, to an origin that stalls': head(`POST http://${authority}/stall`, length),
    'upload, reverse, length': head('POST /api/', length),
    'upload, reverse, chunked': head('POST /api/', chunked) + 'fa0\r\n',
    'upload, reverse, to an origin that resets': head('POST /api/reset', length)
  }
}
const REQUESTS = Object.entries(requests())

/** Many addresses have many ports. */
function address (): string {
  return `127.0.0.${2 + Math.floor(Math.random() * 250)}`
}

/** One client over HTTP/1.1, from its first octet to its last. */
function overHttp1 (tls: boolean): Promise<void> {
  const [name, text] = draw(REQUESTS)
  const moment = draw(MOMENTS)
  const reset = Math.random() < 0.6
  return new Promise(resolve => {
    const wire = connect({ host: '127.0.0.1', port: tls ? h2 : plain, localAddress: address() })
    const socket: Socket = tls ? tlsOver(wire, 'http/1.1') : wire
    const leave = () => {
      clearTimeout(timer)
      if (reset && !wire.writableEnded) wire.resetAndDestroy() // behind an end node may never close it
      socket.destroy()
      wire.destroy()
    }
    const waits = setTimeout.bind(undefined, leave)
    let timer: NodeJS.Timeout | undefined = setTimeout(() => { fail(`${name}: no response`); leave() }, PATIENCE)
    const speak = () => {
      socket.write(text)
      socket.write(PART)
      if (moment === 'with its request') return leave()
      if (moment !== 'behind it' && !name.includes('stalls')) return
      clearTimeout(timer)
      timer = waits(Math.random() * 8)
    }
    socket.once(tls ? 'secureConnect' : 'connect', speak)
    socket.on('data', () => {
      if (moment !== 'later') return leave()
      socket.write(PART)
      clearTimeout(timer)
      timer = waits(Math.random() * 8)
    })
    wire.on('error', () => {}).once('close', () => {
      clearTimeout(timer)
      done(`${name}${tls ? ', TLS' : ''}`, moment, reset ? 'RST' : 'FIN')
      resolve()
    })
    if (tls) socket.once('end', leave)
  })
}

const STREAM_REQUESTS: Array<[name: string, fields: OutgoingHttpHeaders]> = [
  ['tunnel', { ':method': 'CONNECT', ':authority': `127.0.0.1:${target.port}` }],
  ['upgrade', { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':authority': `127.0.0.1:${h2}`, ':path': '/ws/', 'sec-websocket-version': '13' }],
  ['upload, forward', { ':method': 'POST', ':scheme': 'http', ':authority': `127.0.0.1:${target.port}`, ':path': '/' }],
  ['upload, forward, length', { ':method': 'POST', ':scheme': 'http', ':authority': `127.0.0.1:${target.port}`, ':path': '/', 'content-length': '1000000' }],
  ['upload, reverse', { ':method': 'POST', ':scheme': 'https', ':authority': `127.0.0.1:${h2}`, ':path': '/api/' }],
  ['upload, reverse, to an origin that stalls', { ':method': 'POST', ':scheme': 'https', ':authority': `127.0.0.1:${h2}`, ':path': '/api/stall' }]
]

/** One stream, reset at some moment. */
function stream (by: ClientHttp2Session): Promise<void> {
  const [name, fields] = draw(STREAM_REQUESTS)
  const moment = draw(MOMENTS)
  return new Promise(resolve => {
    const own = by.request({ 'proxy-authorization': RIGHT, ...fields }, { endStream: false })
    const leave = () => { own.close(8) }
    let timer: NodeJS.Timeout | undefined = setTimeout(() => { fail(`HTTP/2, ${name}: no response`); leave() }, PATIENCE)
    const soon = () => {
      clearTimeout(timer)
      timer = setTimeout(leave, Math.random() * 8)
    }
    own.on('error', () => {}).once('close', () => {
      clearTimeout(timer)
      done(`HTTP/2, ${name}`, moment, 'RST_STREAM')
      resolve()
    })
    own.write(PART)
    own.on('response', () => { if (moment === 'later') soon(); else leave() }).resume()
    if (moment === 'with its request') leave()
    else if (moment === 'behind it' || name.includes('stalls')) soon()
  })
}

/** A session of many streams, which breaks in the middle of the last of them. */
async function overHttp2 (room: number): Promise<number> {
  const wire = connect({ host: '127.0.0.1', port: h2, localAddress: address() }).on('error', () => {})
  const socket = tlsOver(wire, 'h2')
  const session = connectHttp2('https://gateway.test', { createConnection: () => socket }).on('error', () => {})
  const timer = setTimeout(() => { fail('HTTP/2: no settings'); wire.destroy() }, PATIENCE)
  await Promise.race([once(session, 'remoteSettings').catch(() => {}), once(wire, 'close')])
  clearTimeout(timer)
  let left = STREAMS
  const one = async () => {
    while (left > 0 && !session.closed && !session.destroyed) {
      left -= 1
      await stream(session)
      if (left === 0) break
    }
  }
  const running = Array.from({ length: room }, one)
  await Promise.race(running)
  if (Math.random() < 0.5 && !wire.writableEnded) wire.resetAndDestroy()
  session.destroy()
  socket.destroy()
  wire.destroy()
  // Node does not tell all streams of a session that breaks that they are closed.
  await Promise.race([Promise.all(running), new Promise(resolve => setTimeout(resolve, PATIENCE).unref())])
  return STREAMS - left
}

/** A session that ends before its first request, and does not acknowledge the settings of the server. */
function silentHttp2 (): Promise<void> {
  return new Promise(resolve => {
    const wire = connect({ host: '127.0.0.1', port: h2, localAddress: address() })
    const socket = tlsOver(wire, 'h2')
    socket.once('secureConnect', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1'))
    socket.once('data', () => { socket.destroy(); wire.destroy() })
    const timer = setTimeout(() => { fail('HTTP/2, a session alone: no settings'); wire.destroy() }, PATIENCE)
    wire.on('error', () => {}).once('close', () => {
      clearTimeout(timer)
      done('HTTP/2, a session alone')
      resolve()
    })
  })
}

let begun = 0
/** One after the other, until there were enough. HTTP/2 is two thirds of all, TLS without it a tenth: handshakes take the most time. */
async function work (): Promise<void> {
  while (begun < limit) {
    if (Math.random() < 0.01) {
      begun += STREAMS
      begun -= STREAMS - await overHttp2(24)
    } else {
      begun += 1
      if (Math.random() < 0.02) await silentHttp2()
      else await overHttp1(Math.random() < 0.2)
    }
  }
}
let limit = Math.min(WARM_UP, ABORTS / 2)
const all = () => Promise.all(Array.from({ length: ROOM }, work))
await all()
const warm = { ...await world.quiet(), objects: await world.objects() }

const before = begun
const began = performance.now()
limit = ABORTS
const aborting = all()
const samples: Snapshot[] = []
for (let next = before; ;) {
  await new Promise(resolve => setTimeout(resolve, 50))
  if (begun >= ABORTS) break
  if (begun < next) continue
  next += (ABORTS - before) / SAMPLES
  samples.push(await world.snapshot())
}
await aborting
samples.push(await world.snapshot())
const seconds = (performance.now() - began) / 1000
const last = { ...await world.quiet(), objects: await world.objects() }

const grown = held(last) - held(warm)
if (grown > 4 + (begun - before) * 8 / 2 ** 20) fail(`what is held grew from ${held(warm).toFixed(1)} to ${held(last).toFixed(1)} MiB`)
for (const [name, count] of Object.entries(last.objects)) {
  if (count > warm.objects[name]! + 50) fail(`${count} of ${name} at the end, ${warm.objects[name]} behind the first ${before}`)
}

for (const [name, count] of [...counts].sort()) console.log(`${String(count).padStart(8)} ${name}`)
console.log(plotsOf(samples))
for (const [when, { descriptors, objects, ...now }] of [['behind the first', warm], ['at the end', last]] as const) {
  console.log(`${when}: ${held(now as Snapshot).toFixed(2)} MiB, ${descriptors} descriptors, ${JSON.stringify(objects)}, ${JSON.stringify(now.resources)}`)
}
console.log(`${begun} aborted, ${((begun - before) / seconds).toFixed(0)} a second; ${((last.cpu - warm.cpu) / 1e6).toFixed(0)} s of processor time; at rest ${world.atRest.descriptors} descriptors`)
world.end('aborts')
