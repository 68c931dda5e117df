import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { Agent, Pool } from 'undici'
import type { Dispatcher } from 'undici'
import { Connection, connectionIn, kPassenger } from '../../../lib/proxy/upstream/connection.js'
import type { Passenger } from '../../../lib/proxy/upstream/connection.js'
import { createConnector } from '../../../lib/proxy/upstream/connector.js'
import { origin } from '../../fixtures/origin.js'
import { socketPath } from '../../fixtures/socket-path.js'

/** Sends `GET /`; the address that was known when it was sent, and the status or the code of the failure. */
async function send (dispatcher: Dispatcher, target: string): Promise<[address: string | undefined, outcome: string]> {
  const passenger: Passenger = { connection: undefined }
  let address: string | undefined
  return await new Promise(resolve => {
    let outcome = ''
    dispatcher.dispatch({ origin: target, path: '/', method: 'GET', [kPassenger]: passenger } as never, {
      onRequestStart () { address = passenger.connection?.address },
      onResponseStart (_controller, status) { outcome = String(status) },
      onResponseData () {},
      onResponseEnd () { resolve([address, outcome]) },
      onResponseError (_controller, error) { resolve([address, (error as NodeJS.ErrnoException).code!]) }
    })
  })
}

t.test('a request on a connection, of its own or in pools: its passenger knows where it leads', async t => {
  const { url } = await origin(t)
  const dispatchers = [
    new Connection(url, { connect: createConnector({}) }),
    new Pool(url, { factory: connectionIn }),
    new Pool(url, { factory: connectionIn, connect: createConnector({}) }),
    new Agent({ factory: (target, options) => new Pool(target, { ...options, factory: connectionIn }) })
  ]
  for (const dispatcher of dispatchers) {
    t.same(await send(dispatcher, url), ['127.0.0.1', '200'])
    t.same(await send(dispatcher, url), ['127.0.0.1', '200'], 'the same connection')
    await dispatcher.close()
  }
})

t.test('connections of one pool that lead to several addresses: each request knows its own', async t => {
  const waiting: Array<() => void> = []
  const server = createServer((_request, response) => {
    waiting.push(() => { response.end() })
    if (waiting.length === 3) for (const respond of waiting) respond()
  })
  await new Promise<void>(resolve => { server.listen(0, resolve) })
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const addresses = ['127.0.0.2', '127.0.0.3', '127.0.0.1']
  const pool = new Pool('http://x.test', {
    factory: connectionIn,
    connect (_target, callback) {
      const socket = connect(port, addresses.shift()!, () => callback(null, socket))
    }
  })
  const found = await Promise.all([1, 2, 3].map(() => send(pool, 'http://x.test')))
  t.same(found, [['127.0.0.2', '200'], ['127.0.0.3', '200'], ['127.0.0.1', '200']])
  await pool.close()
})

t.test('a socket in the file system, and no connection at all: there is no address', async t => {
  const path = socketPath(t)
  const server = createServer((_request, response) => { response.end() })
  await new Promise<void>(resolve => { server.listen(path, resolve) })
  t.teardown(() => server.close())
  const local = new Pool('http://x.test', { factory: connectionIn, socketPath: path })
  t.same(await send(local, 'http://x.test'), [undefined, '200'])
  const failing = new Pool('http://x.test', { factory: connectionIn, connect: (_target, callback) => callback(Object.assign(new Error(), { code: 'ECODE' }), null) })
  t.same(await send(failing, 'http://x.test'), [undefined, 'ECODE'])
  await Promise.all([local.close(), failing.close()])
})

t.test('a request without a passenger: it is sent', async t => {
  const { url } = await origin(t)
  const pool = new Pool(url, { factory: connectionIn })
  t.equal((await pool.request({ path: '/', method: 'GET' })).statusCode, 200)
  await pool.destroy()
})
