import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { LimitOptions } from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import type { Line } from '../fixtures/log.js'
import { RawClient } from '../fixtures/raw-client.js'
import { redis, startRedis } from '../fixtures/redis.js'
import { newFile, sqlite } from '../fixtures/sqlite.js'
import { startProgram } from '../fixtures/started-program.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

// What a user sees of limits, and that they are exact. The parts by themselves are in test/policy/limits/.

const CHUNK = Buffer.alloc(65_536, 'x')
const REASON = /^HTTP\/1\.1 429 Quota used up until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(day\)\r\n/

/** The other end of tunnels, which sends without end. */
const endless = async (t: Test) => await tcpOrigin(t, socket => {
  const send = () => { while (socket.write(CHUNK)); }
  socket.on('drain', send)
  socket.resume()
  send()
})

/** A gateway of this process or of another. */
interface Gate {
  readonly port: number
  /** The lines of proxied exchanges: `proxy` of each. */
  proxied (): Line[]
}

/** A tunnel that reads all that comes, and counts it. */
async function download (t: Test, gate: Gate, authority: string): Promise<{ status: number, received: () => number, ended: Promise<void> }> {
  const socket: Socket = connect(gate.port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  socket.write(connectHead(authority, `Proxy-Authorization: ${ALICE}`))
  let head = ''
  let received = 0
  const ended = new Promise<void>(resolve => { socket.once('close', () => resolve()) })
  await new Promise<void>(resolve => {
    socket.on('data', (octets: Buffer) => {
      if (head.includes('\r\n\r\n')) received += octets.length
      else {
        head += octets.toString('latin1')
        if (!head.includes('\r\n\r\n')) return
        received += head.length - head.indexOf('\r\n\r\n') - 4
        head = head.slice(0, head.indexOf('\r\n\r\n') + 4)
        resolve()
      }
    })
    socket.once('close', () => resolve())
  })
  return { status: Number(head.slice(9, 12)), received: () => received, ended }
}

/** What all tunnels have moved, as the log has it. */
async function moved (gates: readonly Gate[], tunnels: number): Promise<number> {
  const lines = () => gates.flatMap(gate => gate.proxied()).filter(({ status }) => status === 200)
  while (lines().length < tunnels) await new Promise(resolve => setTimeout(resolve, 10))
  return lines().reduce((sum, { bytesIn, bytesOut }) => sum + Number(bytesIn) + Number(bytesOut), 0)
}

const QUOTA = 10_000_000
/** What a process takes of it at a time. */
const SET_ASIDE = QUOTA / 100
const limits: LimitOptions[] = [{ name: 'day', quota: { octets: QUOTA, per: 'day' } }]

/** Has 50 tunnels of one user move all they may over some gateways. */
async function exhaust (t: Test, gates: readonly Gate[]): Promise<number> {
  const { authority } = await endless(t)
  const tunnels = await Promise.all(Array.from({ length: 50 }, async (_, i) => await download(t, gates[i % gates.length]!, authority)))
  await Promise.all(tunnels.map(async ({ ended }) => await ended))
  const open = tunnels.filter(({ status }) => status === 200)
  const all = await moved(gates, open.length)
  const received = open.reduce((sum, each) => sum + each.received(), 0)
  t.ok(received <= QUOTA, `${received} octets were received`)
  for (const { reason } of gates.flatMap(gate => gate.proxied())) t.equal(reason, 'FST_PROXY_AUTH_LIMIT_REACHED')
  for (const gate of gates) t.match(await (await RawClient.to(t, gate.port)).send(connectHead(authority, `Proxy-Authorization: ${ALICE}`)).answer(), REASON)
  return all
}

t.test('50 tunnels of a user with a quota of 10 MB: they move that to the octet, and another user is not concerned', async t => {
  const gate = await gateway(t, { limits })
  t.equal(await exhaust(t, [gate]), QUOTA)
  t.match(gate.app.proxyAuthUsage(), [{ user: 'alice', limits: [{ limit: 'day', octets: QUOTA, left: 0 }] }])
  const { authority } = await tcpOrigin(t)
  const client = await RawClient.to(t, gate.port)
  t.match(await client.send(connectHead(authority, `Proxy-Authorization: ${BOB}`)).until(text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 200 /)
})

t.test('50 tunnels over two gateways with one Redis: together they move no more than the quota, and leave no more than each has set aside', { skip: redis.skip }, async t => {
  const { client } = await startRedis(t)
  const options: GatewayOptions = { limits, limitStore: { timeout: 20_000 } } // all of it runs in one process
  const gates = [await gateway(t, { ...options, redis: await client() }), await gateway(t, { ...options, redis: await client() })]
  const all = await exhaust(t, gates)
  t.ok(all <= QUOTA && all >= QUOTA - 2 * SET_ASIDE, `${all} octets moved`)
})

/** A gateway in a process of its own: quota-gateway.ts. */
async function startGate (t: Test, env: Record<string, string>): Promise<Gate & { readonly pid: number }> {
  const { port, pid, log } = await startProgram(t, 'test/fixtures/quota-gateway.ts', { QUOTA: String(QUOTA), ...env })
  return { port, pid, proxied: () => log().flatMap(({ proxy }) => proxy === undefined ? [] : [proxy as Line]) }
}

t.test('50 tunnels over two processes with one Redis: together they move no more than the quota, and leave no more than each has set aside', { skip: redis.skip }, async t => {
  const { path } = await startRedis(t)
  const all = await exhaust(t, await Promise.all([startGate(t, { SOCKET: path }), startGate(t, { SOCKET: path })]))
  t.ok(all <= QUOTA && all >= QUOTA - 2 * SET_ASIDE, `${all} octets moved`)
})

const kept = {
  'with one Redis': { skip: redis.skip, keep: async (t: Test) => ({ SOCKET: (await startRedis(t)).path }) },
  'with a file': { skip: sqlite.skip, keep: async (t: Test) => ({ FILE: newFile(t) }) }
}
for (const [where, { skip, keep }] of Object.entries(kept)) {
  t.test(`kill -9 while 50 tunnels use a quota, ${where}: those of the next process move what is left of it but for what was set aside`, { skip }, async t => {
    const env = await keep(t)
    const first = await startGate(t, env)
    const { authority } = await tcpOrigin(t, socket => { socket.write(Buffer.alloc(95_123)) })
    const tunnels = await Promise.all(Array.from({ length: 50 }, async () => await download(t, first, authority)))
    const before = 50 * 95_123
    await until(() => tunnels.reduce((sum, { received }) => sum + received(), 0) === before)
    process.kill(first.pid, 'SIGKILL')
    await Promise.all(tunnels.map(async ({ ended }) => await ended))
    const after = await exhaust(t, [await startGate(t, env)])
    t.ok(before + after <= QUOTA && before + after >= QUOTA - SET_ASIDE, `${before} and ${after} octets moved`)
  })
}

t.test('a quota in a file: what one gateway has moved is gone for the next', { skip: sqlite.skip }, async t => {
  const options: GatewayOptions = { limits, limitStore: { file: newFile(t) } }
  const first = await gateway(t, options)
  const { authority } = await tcpOrigin(t, socket => { socket.end(Buffer.alloc(4_000_000)) })
  const tunnel = await download(t, first, authority)
  await tunnel.ended
  t.equal(tunnel.received(), 4_000_000)
  await first.app.close()
  const second = await gateway(t, options)
  t.equal(await exhaust(t, [second]), QUOTA - 4_000_000)
})

t.test('limits that are reached: each kind says so, and those of another kind go on', async t => {
  const { authority } = await tcpOrigin(t)
  const gate = await gateway(t, {
    limits: [{ name: 'few', tunnels: 1, rate: { requests: 3, per: 60_000 } }, { name: 'none', users: ['bob'], quota: { octets: 0, per: 'week', status: 403 } }]
  })
  const ask = async (who: string) => {
    const client = await RawClient.to(t, gate.port)
    return { client, head: await client.send(connectHead(authority, `Proxy-Authorization: ${who}`)).until(text => text.includes('\r\n\r\n')) }
  }
  const first = await ask(ALICE)
  t.match(first.head, /^HTTP\/1\.1 200 /)
  t.match((await ask(ALICE)).head, /^HTTP\/1\.1 429 No more than 1 tunnels at a time \(few\)\r\n[^]*retry-after: 1\r\n/i)
  first.client.socket.destroy()
  await gate.logged(({ proxy }) => proxy !== undefined && (proxy as { status: number }).status === 200)
  const again = await ask(ALICE)
  t.match(again.head, /^HTTP\/1\.1 200 /)
  t.match((await ask(ALICE)).head, /^HTTP\/1\.1 429 No more than 3 requests in 60 seconds \(few\)\r\n/)
  const bob = (await ask(BOB)).head
  t.match(bob, /^HTTP\/1\.1 403 Quota used up until .* \(none\)\r\n/)
  t.notMatch(bob, /retry-after/i)
})

t.test('a bandwidth: a download takes as long as it has to', async t => {
  const gate = await gateway(t, { limits: [{ bandwidth: { down: 1_000_000 } }] })
  const { authority } = await tcpOrigin(t, socket => { socket.end(Buffer.alloc(500_000)) })
  const began = performance.now()
  const tunnels = [await download(t, gate, authority), await download(t, gate, authority)]
  await Promise.all(tunnels.map(async ({ ended }) => await ended))
  t.same(tunnels.map(({ received }) => received()), [500_000, 500_000])
  t.ok(performance.now() - began > 900)
})

t.test('a quota that is spent while a request is relayed: the response is cut, and the next is refused with the time', async t => {
  const { authority } = await tcpOrigin(t, socket => {
    socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`))
  })
  const gate = await gateway(t, { limits: [{ name: 'day', quota: { octets: 50_000, per: 'day' } }] })
  const get = `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`
  const first = await (await RawClient.to(t, gate.port)).send(get).end()
  t.match(first, /^HTTP\/1\.1 200 OK\r\n/)
  t.ok(first.length < 51_000)
  await gate.logged(({ proxy }) => proxy !== undefined)
  t.match(gate.proxied(), [{ bytesOut: 50_000, reason: 'FST_PROXY_AUTH_LIMIT_REACHED' }])
  const second = await (await RawClient.to(t, gate.port)).send(get).answer()
  t.match(second, /^HTTP\/1\.1 429 Too Many Requests\r\n[^]*"code":"FST_PROXY_AUTH_LIMIT_REACHED"/)
  t.match(second, /retry-after: \d+\r\n/i)
  t.match(second, /proxy-status: .*http_request_denied/i)
})
