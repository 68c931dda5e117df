import { once } from 'node:events'
import { ServerResponse, createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { takeConnect } from '../../../lib/proxy/connect/take-http1.js'
import type { ConnectResponse, ConnectSettings } from '../../../lib/proxy/connect/take-http1.js'
import { connectOf } from '../../../lib/proxy/connect/connect-request.js'
import type { Connect } from '../../../lib/proxy/connect/connect-request.js'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { isReused, receive } from '../../../lib/proxy/ingress/target-form.js'
import { leaveCause } from '../../../lib/platform/http1/refusal-cause.js'
import type { RefusalCause } from '../../../lib/platform/http1/refusal-cause.js'
import { connectHead } from '../../fixtures/connect-head.js'
import { announcing } from '../../fixtures/announcing.js'
import { extended } from '../../fixtures/extended-socket.js'
import { listenerCounts } from '../../fixtures/listener-counts.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { readAnswer } from '../../fixtures/read-answer.js'

type Routing = (request: IncomingMessage, response: ConnectResponse, connect: Connect) => void

/** A server with nothing but the listener, and what takes Fastify's place. */
async function listener (t: Test, routing: Routing, settings: Partial<ConnectSettings> = {}): Promise<{ server: Server, port: number }> {
  const server = createServer((_request, response) => { response.end('plain') })
  const app = {
    routing: (request: IncomingMessage, response: ServerResponse) => routing(request, response as ConnectResponse, connectOf(request)!)
  } as unknown as FastifyInstance
  server.on('connect', takeConnect(app, server, { keepAlive: () => 'always', exchanges: new Exchanges(), ...settings }))
  return { server, port: await listen(t, server) }
}

/** Refuses as the gate does. */
const refuse: Routing = (_request, response) => {
  response.writeHead(407, { 'proxy-authenticate': ['Basic realm="x"'], 'content-length': 2 }).end('no')
}

const socketOf = ({ client }: Connect) => client as Socket

const HEAD = connectHead('origin.test:443')

t.test('a CONNECT: it is routed with its target, its socket and the bytes behind it (R-NODE-5)', async t => {
  let seen: Connect | undefined
  const { port } = await listener(t, (request, response, connect) => {
    seen = connect
    t.match(receive(request), { target: { host: 'origin.test', port: 443 } })
    refuse(request, response, connect)
  })
  const client = await RawClient.to(t, port)
  await client.send(`${HEAD}early`).answer()
  t.equal(String(seen?.head), 'early')
  t.equal((seen?.client as Socket).remotePort, client.socket.localPort)
})

t.test('a 407 to a CONNECT: the connection goes back to the server, and listeners do not pile up (R-CONN-3)', async t => {
  let socket: Socket | undefined
  const { port } = await listener(t, (request, response, connect) => {
    socket = socketOf(connect)
    refuse(request, response, connect)
  })
  const client = await RawClient.to(t, port)
  const answer = readAnswer(await client.send(HEAD).answer())
  t.match(answer, { status: 407, fields: { connection: 'keep-alive', 'proxy-authenticate': 'Basic realm="x"' }, body: 'no' })
  t.equal(isReused({ socket } as IncomingMessage), true)
  await client.send(HEAD).answer()
  const before = listenerCounts(socket!)
  for (let i = 0; i < 20; i++) t.equal(readAnswer(await client.send(HEAD).answer()).status, 407)
  t.strictSame(listenerCounts(socket!), before)
  t.equal(socket!.timeout, 0)
  t.match(await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').answer(), /plain$/, 'and any request is parsed')
})

t.test('a 407 under TLS: the connection goes back to where TLS connections come in (R-CONN-3)', async t => {
  const { server, port } = await listener(t, (request, response, connect) => {
    Object.assign(socketOf(connect), { encrypted: true })
    refuse(request, response, connect)
  })
  const again = new Promise<Socket>(resolve => server.once('secureConnection', resolve))
  const client = await RawClient.to(t, port)
  await client.send(HEAD).answer()
  const socket = await again
  t.equal(socket.remotePort, client.socket.localPort)
  socket.destroy()
})

t.test('a refusal that cannot keep its connection: it closes the connection, and says so (R-407-7)', async t => {
  const closing = new Exchanges()
  await closing.drain(0)
  const rows: Array<{ name: string, head?: string, routing?: Routing, settings?: Partial<ConnectSettings>, status?: number }> = [
    { name: 'another status', status: 403, routing: (_request, response) => { response.writeHead(403, { 'content-length': 0 }).end() } },
    { name: 'the option', settings: { keepAlive: () => 'never' } },
    { name: 'no handshake', settings: { keepAlive: () => 'handshake' } },
    {
      name: 'no challenge at all, and a handshake wanted',
      settings: { keepAlive: () => 'handshake' },
      routing: (_request, response) => { response.writeHead(407).end() }
    },
    { name: 'a connection that is a user\'s', settings: { carriesIdentity: () => true } },
    { name: 'a stopping server', settings: { exchanges: closing } },
    { name: 'Connection: close', head: connectHead('origin.test:443', 'Connection: keep-alive, close') },
    { name: 'Proxy-Connection: close', head: connectHead('origin.test:443', 'Proxy-Connection: Close') },
    { name: 'HTTP/1.0', head: HEAD.replace('1.1', '1.0') },
    { name: 'bytes behind', head: `${HEAD}x` },
    {
      name: 'an answer that says so',
      routing: (_request, response) => { response.writeHead(407, { Connection: 'close', 'Content-Length': 0 }).end() }
    },
    {
      name: 'an answer that said so',
      routing: (request, response, connect) => { response.setHeader('Connection', 'close'); refuse(request, response, connect) }
    },
    {
      name: 'a connection that says who the client is',
      routing: (request, response, connect) => { Object.assign(socketOf(connect), { authorized: true }); refuse(request, response, connect) }
    }
  ]
  for (const { name, head = HEAD, routing = refuse, settings = {}, status = 407 } of rows) {
    const { port } = await listener(t, routing, settings)
    const client = await RawClient.to(t, port)
    const all = await client.send(head).end()
    t.match(readAnswer(all), { status, fields: { connection: 'close' } }, name)
    t.equal(all.split('HTTP/1.1').length, 2)
  }
})

t.test('bytes in the socket by the time of the verdict: the connection is closed (R-CONNECT-11)', async t => {
  const { port } = await listener(t, (request, response, connect) => {
    client.send('GET / HTTP/1.1\r\n\r\n')
    const wait = () => {
      if (socketOf(connect).readableLength > 0) refuse(request, response, connect)
      else setImmediate(wait)
    }
    wait()
  })
  const client = await RawClient.to(t, port)
  t.match(readAnswer(await client.send(HEAD).end()), { status: 407, fields: { connection: 'close' }, body: 'no' })
})

t.test('a 407 between the legs of a handshake: the connection is kept (R-CONN-2)', async t => {
  const leg: Routing = (_request, response) => {
    response.writeHead(407, { 'Proxy-Authenticate': ['Basic realm="x"', 'NTLM TlRMTVNTUAACAAAA=='], 'Content-Length': 0 }).end()
  }
  const { port } = await listener(t, leg, { keepAlive: () => 'handshake' })
  const client = await RawClient.to(t, port)
  t.match(readAnswer(await client.send(HEAD).answer()).fields, { connection: 'keep-alive' })
})

t.test('HTTP/1.0 that asks for keep-alive: it gets it between the legs of a handshake only (R-CONN-2)', async t => {
  const head = (...fields: string[]) => connectHead('origin.test:443', ...fields).replace('1.1', '1.0')
  const rows: Array<[challenge: string, fields: string[], connection: string]> = [
    ['NTLM TlRMTVNTUAACAAAA', ['Proxy-Connection: Keep-Alive'], 'keep-alive'],
    ['NTLM TlRMTVNTUAACAAAA', [], 'close'],
    ['Basic realm="x"', ['Proxy-Connection: Keep-Alive'], 'close']
  ]
  for (const [challenge, fields, connection] of rows) {
    const { port } = await listener(t, (_request, response) => {
      response.writeHead(407, { 'Proxy-Authenticate': challenge, 'Content-Length': 0 }).end()
    })
    const client = await RawClient.to(t, port)
    t.match(readAnswer(await client.send(head(...fields)).answer()).fields, { connection }, challenge)
  }
})

t.test('a refusal that claims keep-alive: the claim does not settle it, and the connection closes', async t => {
  const claim: Routing = (_request, response) => {
    response.setHeader('X-Set', 'kept')
    response.writeHead(403, 'Not today', { Connection: 'keep-alive', 'Content-Length': 2 })
    response.end('no')
  }
  const { port } = await listener(t, claim)
  const client = await RawClient.to(t, port)
  const answer = readAnswer(await client.send(HEAD).end())
  t.match(answer, { line: 'HTTP/1.1 403 Forbidden', fields: { connection: 'close', 'x-set': 'kept' }, body: 'no' })
})

t.test('a cause that was left on the response: the status line says it, in the words of the option', async t => {
  const denied = { statusCode: 403, code: 'FST_PROXY_AUTH_TARGET_DENIED', reason: 'not on the allow list' }
  const rows: Array<[line: string, cause: RefusalCause, settings?: Partial<ConnectSettings>, message?: string]> = [
    ['403 Not on the allow list', denied],
    ['403 Not on the allow list', denied, { reasonPhrases: { FST_PROXY_AUTH_DNS: 'No such name' } }],
    ['403 See the wiki', denied, { reasonPhrases: { FST_PROXY_AUTH_TARGET_DENIED: 'See the wiki' } }],
    ['403 Forbidden', denied, { reasonPhrases: false }],
    ['403 Forbidden', { ...denied, statusCode: 502 }],
    ['403 Forbidden', { ...denied, code: 'APP' }],
    ['403 Mine', denied, {}, 'Mine']
  ]
  for (const [line, cause, settings, message] of rows) {
    const { port } = await listener(t, (_request, response) => {
      leaveCause(response, cause)
      if (message !== undefined) response.statusMessage = message
      response.writeHead(403, { 'content-length': 0 }).end()
    }, settings)
    const client = await RawClient.to(t, port)
    t.equal(readAnswer(await client.send(HEAD).end()).line, `HTTP/1.1 ${line}`)
  }
})

t.test('a success that opens no tunnel: it is sent as a 403 (R-CONNECT-5)', async t => {
  for (const status of [200, 204, 299]) {
    const { port } = await listener(t, (_request, response) => { response.writeHead(status, ['X-Raw', 'list']).end('hello') })
    const client = await RawClient.to(t, port)
    t.match(readAnswer(await client.send(HEAD).end()), { status: 403, fields: { connection: 'close' } })
  }
})

t.test('interim responses to a CONNECT: none goes out (R-CONNECT-4)', async t => {
  const { port } = await listener(t, async (request, response, connect) => {
    response.writeProcessing()
    await new Promise<void>(resolve => response.writeContinue(resolve))
    await new Promise<void>(resolve => response.writeEarlyHints({ link: '</x>; rel=preload' }, resolve))
    response.writeContinue()
    response.writeEarlyHints({})
    refuse(request, response, connect)
  })
  const client = await RawClient.to(t, port)
  t.match(await client.send(HEAD).answer(), /^HTTP\/1\.1 407 /)
})

t.test('a long response: it is written as the client reads it', async t => {
  const chunk = 'x'.repeat(65_536)
  const { port } = await listener(t, async (_request, response) => {
    response.writeHead(403, { 'content-length': 64 * chunk.length })
    for (let i = 0; i < 64; i++) if (!response.write(chunk)) await once(response, 'drain')
    response.end()
  })
  const client = await RawClient.to(t, port)
  t.equal(readAnswer(await client.send(HEAD).end()).body.length, 64 * chunk.length)
})

t.test('a client that does not read: it is cut off after a while', async t => {
  let socket: Socket | undefined
  const { port } = await listener(t, (_request, response, connect) => {
    socket = socketOf(connect)
    response.writeHead(403).write('x')
  })
  const client = await RawClient.to(t, port)
  await client.send(HEAD).until(text => text.endsWith('x\r\n'))
  t.equal(socket!.timeout, 10_000)
  socket!.emit('timeout')
  t.equal(socket!.destroyed, true)
})

t.test('a client that ends while its refusal goes out: gets all of it, and the connection closes', async t => {
  const { port } = await listener(t, (_request, response, connect) => {
    response.writeHead(407, { 'content-length': 2 })
    response.write('n')
    socketOf(connect).once('end', () => response.end('o')).resume()
  })
  const client = await RawClient.to(t, port)
  client.send(HEAD).socket.end()
  t.match(readAnswer(await client.end()), { status: 407, body: 'no' })
})

t.test('a client that vanishes at any step: it does no harm', async t => {
  t.test('between head and end of the answer', async t => {
    const { server, port } = await listener(t, (_request, response, connect) => {
      response.writeHead(407, { 'content-length': 0 })
      socketOf(connect).destroy()
      response.end()
    })
    const client = await RawClient.to(t, port)
    t.equal(await client.send(HEAD).end(), '')
    await new Promise<void>(resolve => server.close(() => resolve()))
  })
  t.test('while the answer goes out', async t => {
    const { server, port } = await listener(t, (request, response, connect) => {
      refuse(request, response, connect)
      socketOf(connect).destroy()
    })
    const client = await RawClient.to(t, port)
    await client.send(HEAD).end()
    await new Promise<void>(resolve => server.close(() => resolve()))
  })
  t.test('by a reset', async t => {
    let taken: Connect | undefined
    let response: ConnectResponse | undefined
    const routed = new Promise<void>(resolve => {
      listener(t, (_request, answer, connect) => { taken = connect; response = answer; resolve() }).then(async ({ port }) => {
        (await RawClient.to(t, port)).send(HEAD)
      })
    })
    await routed
    taken!.client.destroy(new Error('reset'))
    await once(response!, 'close')
    t.pass('nobody but us hears the error')
  })
})

t.test('a socket that was taken: it is left alone', async t => {
  const { port } = await listener(t, (_request, response) => {
    const socket = response.take()
    t.equal(socket.allowHalfOpen, true)
    t.equal(socket.timeout, 0)
    response.emit('finish')
    socket.end('tunnel')
  })
  const client = await RawClient.to(t, port)
  t.equal(await client.send(HEAD).end(), 'tunnel')
})

t.test('a listener for the end of a tunnel: it is told of it, and without one nothing is kept', async t => {
  const heard: string[] = []
  const { port } = await listener(t, (_request, response, connect) => {
    t.equal(connect.whenEnded, undefined)
    response.on('finish', () => heard.push('finish'))
    const { whenEnded } = connect
    const socket = response.take()
    t.strictSame(heard, [])
    whenEnded!()
    socket.end()
  })
  const client = await RawClient.to(t, port)
  await client.send(HEAD).end()
  t.strictSame(heard, ['finish'])
})

t.test('a client of HTTP/1.1 that claims HTTP/2: it is not taken for it', async t => {
  const { port } = await listener(t, refuse)
  const client = await RawClient.to(t, port)
  t.match(await client.send(HEAD.replace('HTTP/1.1', 'HTTP/2.0')).end(), /^HTTP\/1\.1 407 /)
})

t.test('the 200 to a CONNECT: no framing, no other status line, and its fields are written as octets (R-CONNECT-2, R-CONNECT-3)', async t => {
  const { port } = await listener(t, (_request, _response, connect) => {
    connect.open(['X-A', '1', 'X-A', '\xe9']).end('tunnel')
  })
  const client = await RawClient.to(t, port)
  t.equal(await client.send(HEAD).end(), 'HTTP/1.1 200 Connection established\r\nX-A: 1\r\nX-A: \xe9\r\n\r\ntunnel')
})

t.test('a CONNECT over HTTP/2: it goes its own way, as a stream', async t => {
  const server = createHttp2Server(() => {})
  const app = { routing: (_request: IncomingMessage, response: ServerResponse) => { response.writeHead(418).end() } } as unknown as FastifyInstance
  server.on('connect', takeConnect(app, server as unknown as Server, { keepAlive: () => 'always', exchanges: new Exchanges() }))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => { session.destroy(); server.close() })
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'origin.test:443' })
  const [fields] = await once(stream, 'response')
  t.equal(fields[':status'], 418)
})

t.test('an extended CONNECT: it opens no tunnel, and is left to another listener if there is one (R-XC-1)', async t => {
  for (const [others, status] of [[[], 501], [['another'], 200]] as const) {
    const client = await announcing(t, server => {
      const app = { routing: () => t.fail('it is none') } as unknown as FastifyInstance
      server.on('connect', takeConnect(app, server, { keepAlive: () => 'always', exchanges: new Exchanges() }))
      for (const other of others) server.on('connect', (_request, response) => { (response as unknown as ServerResponse).writeHead(200).end(other) })
    })
    t.match(await client.ask(extended('a.test', '/')), { status, body: others.join() })
  }
})
