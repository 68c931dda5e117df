import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { Agent, Client, Pool } from 'undici'
import type { Dispatcher, buildConnector } from 'undici'
import { Connection, connectionIn, createConnector, holdEnd, kPassenger, reportResets } from '../../../lib/proxy/upstream/connection.js'
import type { Passenger } from '../../../lib/proxy/upstream/connection.js'
import { closedPort } from '../../fixtures/closed-port.js'
import { listening } from '../../fixtures/listening.js'
import { rawServer } from '../../fixtures/raw-server.js'
import { until } from '../../fixtures/until.js'
import { origin } from '../../fixtures/origin.js'
import { socketPath } from '../../fixtures/socket-path.js'

/** What undici makes of an answer that ends with its connection: the content, or the code of the failure. */
async function answer (t: Test, connect: buildConnector.connector | undefined, end: (socket: Socket) => void): Promise<string> {
  let socket: Socket | undefined
  const port = await rawServer(t, accepted => {
    accepted.write('HTTP/1.1 200 OK\r\n\r\nhalf')
    socket = accepted
  })
  const client = new Client(`http://127.0.0.1:${port}`, connect === undefined ? {} : { connect })
  t.teardown(async () => { await client.destroy() })
  const { body } = await client.request({ method: 'GET', path: '/' })
  let text = ''
  const ended = new Promise<string>(resolve => {
    body.on('end', () => resolve(text)).on('error', (error: NodeJS.ErrnoException) => resolve(error.code!))
  })
  body.setEncoding('latin1').on('data', (chunk: string) => { text += chunk })
  await until(() => text === 'half')
  end(socket!)
  return await ended
}

t.test('a reset: it is not taken for the end of a response (R-MSG-3)', async t => {
  const reset = (socket: Socket) => { socket.resetAndDestroy() }
  t.equal(await answer(t, undefined, reset), 'half', 'undici by itself')
  t.equal(await answer(t, createConnector({}), reset), 'UND_ERR_SOCKET')
  t.equal(await answer(t, createConnector({}), socket => { socket.end() }), 'half')
})

t.test('a reset that comes together with octets: is the end of no response either (R-MSG-3)', async t => {
  const length = 128_000
  const server = createServer(accepted => {
    accepted.on('error', () => {}).once('data', () => {
      accepted.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(length)}`)
      accepted.resetAndDestroy()
    })
  })
  const port = await listening(t, server as never)
  const outcomes = async (connect?: buildConnector.connector) => {
    const told = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const client = new Client(`http://127.0.0.1:${port}`, connect === undefined ? {} : { connect })
      told.add(await client.request({ method: 'GET', path: '/' })
        .then(async ({ body }) => (await body.text()).length === length ? 'whole' : 'cut', (error: NodeJS.ErrnoException) => error.code!)
        .catch((error: NodeJS.ErrnoException) => error.code!))
      await client.destroy()
    }
    return told
  }
  t.ok((await outcomes()).has('cut'), 'undici by itself takes what came for all of it')
  t.notOk((await outcomes(createConnector({}))).has('cut'))
})

t.test('an end behind content without a length that waits again and again: the response is lost, and not the process', async t => {
  let isOver = false
  const server = createServer({ allowHalfOpen: true }, accepted => {
    accepted.once('data', () => accepted.end(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1000)}`, () => { isOver = true }))
  })
  const client = new Client(`http://127.0.0.1:${await listening(t, server as never)}`, { connect: createConnector({}) })
  t.teardown(async () => { await client.destroy() })
  const goOn = async (controller: Dispatcher.DispatchController): Promise<void> => {
    await until(() => isOver)
    for (let turns = 0; turns < 20; turns++) await new Promise(resolve => { setImmediate(resolve) }) // the end is there
    controller.resume()
  }
  const code = await new Promise(resolve => {
    client.dispatch({ method: 'GET', path: '/' }, {
      onRequestStart () {},
      onResponseStart () {},
      onResponseData (controller, chunk) {
        controller.pause()
        if (chunk.length > 0) goOn(controller).catch(() => {})
      },
      onResponseEnd () { resolve('whole') },
      onResponseError (_controller, error) { resolve((error as NodeJS.ErrnoException).code) }
    })
  })
  t.equal(code, 'UND_ERR_SOCKET')
})

t.test('an error other than a reset, or a failure to connect: it is passed on as it is', async t => {
  const cause = new Error('no')
  reportResets((_options, callback) => callback(cause, null))({} as never, (...opened) => { t.strictSame(opened, [cause, null]) })
  const refused = await closedPort()
  const failure = await new Promise<unknown>(resolve => {
    createConnector({})({ hostname: '127.0.0.1', protocol: 'http:', port: String(refused) }, (...opened) => resolve(opened[0]))
  })
  t.match(failure, { code: 'ECONNREFUSED' })
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const socket = await new Promise<Socket>(resolve => {
    createConnector({ connectTimeout: 60_000, autoSelectFamily: true })({ hostname: '127.0.0.1', protocol: 'http:', port: String(port) }, (_error, socket) => resolve(socket!))
  })
  server.close()
  const error = Object.assign(new Error('x'), { code: 'EPIPE' })
  const told = new Promise(resolve => { socket.once('error', resolve) })
  socket.destroy(error)
  t.equal(await told, error)
  t.equal(error.code, 'EPIPE')
})

t.test('a connect function in the options: it opens the connections, as in undici', async t => {
  const cause = new Error('of the options')
  const given = createConnector({ connect: ((_options: unknown, callback: (error: Error, socket: null) => void) => callback(cause, null)) as never })
  given({} as never, (...opened) => { t.equal(opened[0], cause) })
})

t.test('a resolver of the options that breaks its contract: the connection fails, and not the process', async t => {
  const rejects = async () => { throw new Error('no') }
  for (const options of [{ connect: { lookup: rejects } }, { tls: { lookup: rejects } }]) {
    const failure = await new Promise<unknown>(resolve => {
      createConnector(options)({ hostname: 'origin.test', protocol: 'http:', port: '80' }, (...opened) => resolve(opened[0]))
    })
    t.match(failure, { code: 'FST_PROXY_AUTH_DNS' })
  }
})

t.test('a connection on which something has come before the request: the request fails, and no other connection is opened', async t => {
  const server = createServer(accepted => { accepted.on('error', () => {}).write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') })
  const port = await listening(t, server as never)
  for (const lost of [false, true]) {
    const opened: Socket[] = []
    const client = new Client(`http://127.0.0.1:${port}`, {
      connect: reportResets((_target, callback) => {
        const socket = connect(port, '127.0.0.1')
        opened.push(socket)
        socket.once('readable', () => {
          if (lost) socket.destroy(new Error('lost'))
          callback(null, socket)
        })
      })
    })
    t.teardown(async () => { await client.destroy() })
    await t.rejects(client.request({ method: 'GET', path: '/' }), { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
    t.match(opened, [{ destroyed: true }])
    t.equal(opened.length, 1)
  }
})

t.test('a connection of HTTP/2 on which the settings have come: it is used', async t => {
  const server = createHttp2Server((_request, response) => { response.end('h2') })
  const port = await listening(t, server as never)
  const client = new Client(`http://127.0.0.1:${port}`, {
    allowH2: true,
    connect: reportResets((_target, callback) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('readable', () => { callback(null, Object.assign(socket, { alpnProtocol: 'h2' })) })
    })
  })
  t.teardown(async () => { await client.destroy() })
  const { body } = await client.request({ method: 'GET', path: '/' })
  t.equal(await body.text(), 'h2')
})

/** A server that says this to whatever comes, and ends. `ended` tells whether the end has gone out. */
async function saying (t: Test, text: string): Promise<{ port: number, ended: () => boolean }> {
  let isOver = false
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {}).once('data', () => socket.end(text, () => { isOver = true })).resume()
  })
  return { port: await listening(t, server as never), ended: () => isOver }
}

const LENGTH = 50_000
const CONTENT = 'x'.repeat(LENGTH)
const HEADS = {
  'with a length': `HTTP/1.1 200 OK\r\nContent-Length: ${LENGTH}\r\n\r\n${CONTENT}`,
  'with a length, on a connection that ends': `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${LENGTH}\r\n\r\n${CONTENT}`,
  'up to the end of the connection': `HTTP/1.1 200 OK\r\n\r\n${CONTENT}`,
  'in chunks': `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${LENGTH.toString(16)}\r\n${CONTENT}\r\n0\r\n\r\n`,
  'and is cut': `HTTP/1.1 200 OK\r\nContent-Length: ${LENGTH + 1}\r\n\r\n${CONTENT}`
}

/** What comes of a response that has to wait with each chunk, and goes on when the connection has ended. */
async function slowly (t: Test, port: number, ended: () => boolean, hold: (socket: Socket) => void): Promise<string> {
  const opened: Socket[] = []
  const client = new Client(`http://127.0.0.1:${port}`, {
    connect: (_options, callback) => {
      const socket = connect(port, '127.0.0.1', () => {
        hold(socket)
        callback(null, socket)
      })
      opened.push(socket)
    }
  })
  t.teardown(async () => { await client.destroy() })
  let got = 0
  const outcome = await new Promise<string>(resolve => {
    const goOn = async (controller: Dispatcher.DispatchController): Promise<void> => {
      await until(ended)
      const [socket] = opened
      // Undici has read all there was, or the end is there.
      for (let turns = 0; turns < 20 && !socket!.destroyed; turns++) await new Promise(resolve => { setImmediate(resolve) })
      controller.resume()
    }
    client.dispatch({ method: 'GET', path: '/' }, {
      onRequestStart () {},
      onResponseStart () {},
      onResponseData (controller, chunk) {
        got += chunk.length
        if (chunk.length === 0) return // it says that once more it may go on
        controller.pause()
        goOn(controller).catch(() => {})
      },
      onResponseEnd () { resolve(`whole, ${got}`) },
      onResponseError (_controller, error) { resolve(`${(error as NodeJS.ErrnoException).code}`) }
    })
  })
  return outcome
}

for (const [how, text] of Object.entries(HEADS)) {
  t.test(`a response ${how}, behind which the connection ends while it waits: what undici makes of it is what came`, async t => {
    const { port, ended } = await saying(t, text)
    t.equal(await slowly(t, port, ended, holdEnd), how === 'and is cut' ? 'UND_ERR_SOCKET' : `whole, ${LENGTH}`)
  })
}

t.test('undici by itself: it loses a response of which all has come', async t => {
  const { port, ended } = await saying(t, HEADS['with a length'])
  t.equal(await slowly(t, port, ended, () => {}), 'UND_ERR_SOCKET')
})

t.test('other readers, in each way to read: they get all, and then the end', async t => {
  for (const way of ['data', 'later', 'readable', 'piece by piece', 'nothing'] as const) {
    const { port, ended } = await saying(t, way === 'nothing' ? '' : CONTENT)
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    await once(socket, 'connect')
    holdEnd(socket)
    socket.write('a')
    let got = 0
    const take = (chunk: Buffer | null): boolean => {
      got += chunk?.length ?? 0
      return chunk !== null
    }
    if (way === 'later') {
      await until(() => ended() && socket.readableLength > 0)
      t.equal(take(socket.read()), true)
    }
    if (way === 'readable') socket.on('readable', () => { while (take(socket.read())); })
    else if (way === 'piece by piece') socket.on('readable', () => { while (take(socket.read(Math.min(1000, socket.readableLength || 1)))); take(socket.read()) })
    else socket.on('data', take)
    await once(socket, 'end')
    t.equal(got, way === 'nothing' ? 0 : LENGTH, way)
  }
})

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
  const server = createHttpServer((_request, response) => {
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
  const server = createHttpServer((_request, response) => { response.end() })
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
