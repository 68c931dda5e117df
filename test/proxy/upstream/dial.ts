import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { Address } from '../../../lib/policy/target/access.js'
import { dial } from '../../../lib/proxy/upstream/dial.js'
import { closedPort } from '../../fixtures/closed-port.js'
import { stalledListener } from '../../fixtures/stalled-listener.js'
import { tcpOrigin } from '../../fixtures/tcp-origin.js'

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
  const socket = await opened(t, dial([FIRST], port, { connectTimeout }))
  t.match(socket, { remoteAddress: '127.0.0.1', remotePort: port, allowHalfOpen: true })
  t.equal(socket.listenerCount('error'), 0, 'it is the caller\'s')
  t.equal(sockets.length, 1)
})

t.test('a local address in the options: the connection comes from it', async t => {
  const { port } = await tcpOrigin(t)
  const socket = await opened(t, dial([FIRST], port, { connectTimeout, localAddress: '127.0.0.9' }))
  t.equal(socket.localAddress, '127.0.0.9')
  await t.rejects(dial([FIRST], port, { connectTimeout, localAddress: 'nonsense' }), { code: 'ERR_INVALID_IP_ADDRESS' })
})

t.test('an address that refuses: the next one is tried at once', async t => {
  const { port } = await tcpOrigin(t)
  const socket = await opened(t, dial([SECOND, FIRST], port, { connectTimeout }))
  t.equal(socket.remoteAddress, '127.0.0.1')
})

t.test('every address fails: the failure is that of the first', async t => {
  const port = await closedPort()
  await t.rejects(dial([SECOND, FIRST], port, { connectTimeout }), { code: 'ECONNREFUSED', address: '127.0.0.2' })
})

t.test('an address that does not respond: the next one is tried beside it after a while', async t => {
  const { port } = await stalledListener(t, '127.0.0.2')
  const { sockets } = await tcpOrigin(t, undefined, port)
  const socket = await opened(t, dial([SECOND, FIRST], port, { connectTimeout }))
  t.equal(socket.remoteAddress, '127.0.0.1')
  t.equal(sockets.length, 1)
})

t.test('a slow address beside one that fails: the slow one is not given up', async t => {
  const { port, release } = await stalledListener(t, '127.0.0.2')
  const dialling = dial([SECOND, FIRST], port, { connectTimeout }) // nothing listens on the other
  await new Promise(resolve => setImmediate(resolve)) // it has knocked, and will knock again
  release()
  t.equal((await opened(t, dialling)).remoteAddress, '127.0.0.2')
})

t.test('addresses that do not respond: one time limit holds for all of them together', async t => {
  const { port } = await stalledListener(t)
  await t.rejects(dial([FIRST], port, { connectTimeout: 20 }), { code: 'FST_PROXY_AUTH_CONNECT_TIMEOUT', statusCode: 504 })
  await t.rejects(dial([FIRST, FIRST], port, { connectTimeout: 300 }), { code: 'FST_PROXY_AUTH_CONNECT_TIMEOUT' })
})

t.test('a client that leaves: the attempts to connect end', async t => {
  const { port } = await stalledListener(t)
  const reason = new Error('left')
  await t.rejects(dial([FIRST], port, { connectTimeout, signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const dialling = dial([FIRST], port, { connectTimeout, signal: controller.signal })
  controller.abort(reason)
  await t.rejects(dialling, reason)
})
