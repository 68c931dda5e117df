import type { LookupFunction, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { dialParent } from '../../../../lib/proxy/parent/connect/to-parent.js'
import type { ParentConnectionOptions } from '../../../../lib/proxy/parent/connect/to-parent.js'
import type { Parent } from '../../../../lib/policy/parent/parent.js'
import { certificate, openssl } from '../../../fixtures/certificate.js'
import { closedPort } from '../../../fixtures/closed-port.js'
import { parentAt } from '../../../fixtures/parent.js'
import { stalledListener } from '../../../fixtures/stalled-listener.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'
import { tlsListener } from '../../../fixtures/tls-listener.js'
import { until } from '../../../fixtures/until.js'

/** Every name has these addresses. */
const names = (...addresses: string[]): LookupFunction => (_name, _options, callback) => {
  setImmediate(callback, null, addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })))
}

const OPTIONS = { connectTimeout: 60_000, own: () => [] }

async function connected (t: Test, parent: Parent, options: Partial<ParentConnectionOptions> = {}): Promise<Socket> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    dialParent(parent, { ...OPTIONS, ...options }, (failure, opened) => failure === null ? resolve(opened!) : reject(failure))
  })
  t.teardown(() => { socket.destroy() })
  return socket
}

t.test('a parent by address, by a name of the options, and by a name of the system: each is connected to', async t => {
  const { port, sockets } = await tcpOrigin(t)
  await connected(t, parentAt(port))
  await connected(t, parentAt(port, { host: 'parent.test' }), { lookup: names('127.0.0.2', '127.0.0.1') })
  await connected(t, parentAt(port, { host: 'localhost' }))
  await until(() => sockets.length === 3)
})

t.test('a local address in the options: the connection comes from it', async t => {
  const { port } = await tcpOrigin(t)
  t.equal((await connected(t, parentAt(port), { localAddress: '127.0.0.3' })).localAddress, '127.0.0.3')
  await t.rejects(connected(t, parentAt(port), { localAddress: 'garbage' }), { code: 'FST_PROXY_AUTH_REFUSED_CALL' })
})

t.test('a parent that is us: it is refused, and another address of its name is taken', async t => {
  const { port } = await tcpOrigin(t)
  const own = () => [{ address: '127.0.0.2', port }]
  await t.rejects(connected(t, parentAt(port, { host: '127.0.0.2' }), { own }), { code: 'FST_PROXY_AUTH_LOOP', parent: 'parent-1' })
  const socket = await connected(t, parentAt(port, { host: 'parent.test' }), { own, lookup: names('127.0.0.2', '127.0.0.1') })
  t.equal(socket.remoteAddress, '127.0.0.1')
})

t.test('a parent that cannot be reached: the failure says so, with its cause and the name of the parent', async t => {
  await t.rejects(connected(t, parentAt(await closedPort())), {
    code: 'FST_PROXY_AUTH_PARENT_UNREACHABLE', parent: 'parent-1', cause: { code: 'FST_PROXY_AUTH_CONNECTION_REFUSED' }
  })
  await t.rejects(connected(t, parentAt(1, { host: 'parent.test' }), { lookup: names() }), {
    code: 'FST_PROXY_AUTH_PARENT_UNREACHABLE', cause: { code: 'FST_PROXY_AUTH_DNS' }
  })
})

t.test('a parent that is silent: one time limit holds for its name, its connection and its TLS', async t => {
  const silent = await tcpOrigin(t, socket => { socket.resume() })
  const stalled = await stalledListener(t)
  const late = { code: 'FST_PROXY_AUTH_PARENT_TIMEOUT', statusCode: 504, parent: 'parent-1' }
  await t.rejects(connected(t, parentAt(1, { host: 'parent.test' }), { connectTimeout: 20, lookup: () => {} }), late)
  await t.rejects(connected(t, parentAt(stalled.port), { connectTimeout: 20 }), late)
  await t.rejects(connected(t, parentAt(silent.port, { protocol: 'https' }), { connectTimeout: 20 }), late)
  await until(() => silent.sockets.every(socket => socket.readableEnded))
})

t.test('a parent with https: its certificate is verified, against its host or the name that its options say', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'parent.test')
  const { port, open } = await tlsListener(t, { cert, key })
  const by = async (host: string, tls: Parent['tls']) => await connected(t, parentAt(port, { protocol: 'https', host, tls }), { lookup: names('127.0.0.1') })
  const socket = await by('parent.test', { ca: cert })
  t.match(socket, { authorized: true, servername: 'parent.test' })
  t.match(await by('127.0.0.1', { ca: cert, servername: 'parent.test' }), { authorized: true, servername: 'parent.test' })
  for (const refused of [by('parent.test', {}), by('other.test', { ca: cert })]) {
    await t.rejects(refused, { code: 'FST_PROXY_AUTH_PARENT_UNREACHABLE', cause: { code: 'FST_PROXY_AUTH_TLS' } })
  }
  await until(() => open.size === 2)
})

t.test('a connection that is given up, in each phase: nothing stays open, and nothing comes of it', async t => {
  const silent = await tcpOrigin(t, socket => { socket.resume() })
  const begin = (parent: Parent, options: Partial<ParentConnectionOptions> = {}) =>
    dialParent(parent, { ...OPTIONS, ...options }, () => { t.fail('it was given up') })
  let asked = 0
  const giveUp = begin(parentAt(silent.port, { host: 'parent.test' }), { lookup: (...args) => { asked += 1; names('127.0.0.1')(...args) } })
  giveUp()
  begin(parentAt(silent.port))()
  const secure = begin(parentAt(silent.port, { protocol: 'https' }))
  await until(() => silent.sockets.some(socket => socket.bytesRead > 0))
  secure()
  await until(() => silent.sockets.every(socket => socket.readableEnded))
  t.equal(asked, 1)
})
