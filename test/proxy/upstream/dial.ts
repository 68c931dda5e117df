import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { Address } from '../../../lib/policy/target/access.js'
import { connection, dial } from '../../../lib/proxy/upstream/dial.js'
import { closedPort } from '../../fixtures/closed-port.js'
import { stalledListener } from '../../fixtures/stalled-listener.js'
import { tcpOrigin } from '../../fixtures/tcp-origin.js'
import { until } from '../../fixtures/until.js'

const FIRST: Address = { address: '127.0.0.1', family: 4 }
const SECOND: Address = { address: '127.0.0.2', family: 4 }
const connectTimeout = 10_000

async function opened (t: Test, dialling: Promise<Socket>): Promise<Socket> {
  const socket = await dialling
  t.teardown(() => socket.destroy())
  return socket
}

t.test('a single address: one connection is opened to it', async t => {
  const { port, sockets } = await tcpOrigin(t)
  const socket = await opened(t, connection([FIRST], port, { connectTimeout }))
  t.match(socket, { remoteAddress: '127.0.0.1', remotePort: port, allowHalfOpen: true })
  t.equal(socket.listenerCount('error'), 0, 'it is the caller\'s')
  t.equal(sockets.length, 1)
})

t.test('a local address in the options: the connection comes from it', async t => {
  const { port } = await tcpOrigin(t)
  const socket = await opened(t, connection([FIRST], port, { connectTimeout, localAddress: '127.0.0.9' }))
  t.equal(socket.localAddress, '127.0.0.9')
  await t.rejects(connection([FIRST], port, { connectTimeout, localAddress: 'nonsense' }), { code: 'ERR_INVALID_IP_ADDRESS' })
})

t.test('an address that refuses: the next one is tried at once', async t => {
  const { port } = await tcpOrigin(t)
  const socket = await opened(t, connection([SECOND, FIRST], port, { connectTimeout }))
  t.equal(socket.remoteAddress, '127.0.0.1')
})

t.test('every address fails: the failure is that of the first', async t => {
  const port = await closedPort()
  await t.rejects(connection([SECOND, FIRST], port, { connectTimeout }), { code: 'ECONNREFUSED', address: '127.0.0.2' })
})

t.test('an address that does not respond: the next one is tried beside it after a while', async t => {
  const { port } = await stalledListener(t, '127.0.0.2', await closedPort())
  const { sockets } = await tcpOrigin(t, undefined, port)
  const socket = await opened(t, connection([SECOND, FIRST], port, { connectTimeout }))
  t.equal(socket.remoteAddress, '127.0.0.1')
  t.equal(sockets.length, 1)
})

t.test('a slow address beside one that fails: the slow one is not given up', async t => {
  const { port, release } = await stalledListener(t, '127.0.0.2', await closedPort())
  const dialling = connection([SECOND, FIRST], port, { connectTimeout }) // nothing listens on the other
  await new Promise(resolve => setImmediate(resolve)) // it has knocked, and will knock again
  release()
  t.equal((await opened(t, dialling)).remoteAddress, '127.0.0.2')
})

t.test('addresses that do not respond: one time limit holds for all of them together', async t => {
  const { port } = await stalledListener(t)
  await t.rejects(connection([FIRST], port, { connectTimeout: 20 }), { code: 'FST_PROXY_AUTH_CONNECT_TIMEOUT', statusCode: 504 })
  await t.rejects(connection([FIRST, FIRST], port, { connectTimeout: 300 }), { code: 'FST_PROXY_AUTH_CONNECT_TIMEOUT' })
})

t.test('a dial that is ended: its attempts end, and it has no result', async t => {
  const { port, release } = await stalledListener(t)
  const results: unknown[] = []
  const end = dial([FIRST, SECOND], port, { connectTimeout: 30 }, (...result) => { results.push(result) })
  end()
  release()
  await t.rejects(connection([FIRST], await closedPort(), { connectTimeout }), { code: 'ECONNREFUSED' }, 'the event loop turns')
  await new Promise(resolve => setTimeout(resolve, 40)) // behind the limit of the first
  t.strictSame(results, [])
})

t.test('a dial that is ended as its attempt fails: it has no result', async t => {
  const results: unknown[] = []
  const end = dial([{ address: '255.255.255.255', family: 4 }], 1, { connectTimeout }, (...result) => { results.push(result) })
  process.nextTick(end) // behind the failure, before the event that tells of it
  await new Promise(setImmediate)
  t.strictSame(results, [])
})

t.test('a dial that another listener of the same event ends: the connection is let go', async t => {
  const { port, sockets } = await tcpOrigin(t)
  const results: unknown[] = []
  let end = () => {}
  const first = (message: unknown) => { (message as { socket: Socket }).socket.once('connect', () => end()) }
  subscribe('net.client.socket', first)
  t.teardown(() => unsubscribe('net.client.socket', first))
  end = dial([FIRST], port, { connectTimeout }, (...result) => { results.push(result) })
  await until(() => sockets[0]?.destroyed === true)
  t.strictSame(results, [])
})

t.test('a connection that stands: the address that it leads to is told', async t => {
  const { port } = await tcpOrigin(t)
  const address = await new Promise(resolve => {
    dial([SECOND, FIRST], port, { connectTimeout }, (_failure, socket, reached) => {
      t.teardown(() => { socket!.destroy() })
      resolve(reached)
    })
  })
  t.equal(address, '127.0.0.1')
})
