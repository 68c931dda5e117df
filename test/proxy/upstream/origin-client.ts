import type { IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import { ParentDenied } from '../../../lib/errors.js'
import type { Detour } from '../../../lib/proxy/upstream/detour.js'
import { dial } from '../../../lib/proxy/upstream/dial.js'
import type { Dialled } from '../../../lib/proxy/upstream/dial.js'
import { createOriginClient } from '../../../lib/proxy/upstream/origin-client.js'
import type { OriginClient, OriginClientOptions, Outgoing } from '../../../lib/proxy/upstream/origin-client.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { closedPort } from '../../fixtures/closed-port.js'
import { listen, origin } from '../../fixtures/origin.js'
import { rawOrigin } from '../../fixtures/raw-origin.js'
import { stalledListener } from '../../fixtures/stalled-listener.js'
import { until } from '../../fixtures/until.js'

const requester = { raw: { httpVersion: '1.1', headers: {}, socket: new Socket() } as unknown as IncomingMessage, name: 'alice' }
const LOOPBACK = [{ address: '127.0.0.1', family: 4 as const }]

function client (t: Test, options: Partial<OriginClientOptions> = {}): OriginClient {
  const self = createOriginClient({ connectTimeout: 60_000, headersTimeout: 60_000, bodyTimeout: 60_000, ...options })
  t.teardown(async () => { await self.close() })
  return self
}

/** Sends `GET /`, or what `outgoing` says, and gives the status and the body, or the code of the failure. */
async function send (self: OriginClient, port: number, outgoing: Partial<Outgoing> = {}, target: Partial<Outgoing['target']> = {}): Promise<string> {
  const { scheme = 'http', host = '127.0.0.1', path = '/' } = target
  return await new Promise(resolve => {
    let text = ''
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart () {},
      onResponseStart (_controller, status) { text += `${status} ` },
      onResponseData (_controller, chunk) { text += String(chunk) },
      onResponseEnd () { resolve(text) },
      onResponseError (_controller, error) { resolve((error as Error & { code: string }).code) }
    }
    const whole = { form: 'absolute', scheme, host, port, authority: `${host}:${port}`, path } as const
    self.send({ target: whole, addresses: LOOPBACK, method: 'GET', fields: ['Host', 'x.test'], content: null, requester, ...outgoing }, handler)
  })
}

t.test('a connection that an origin authenticates: it belongs to the requester alone (R-PSUP-3)', async t => {
  const target = await origin(t, (request, response) => { response.end(String(request.socket.remotePort)) })
  const self = client(t)
  const credentials = { fields: ['Host', 'x.test', 'Authorization', 'NTLM TlRM'] }
  const first = await send(self, target.port, credentials)
  t.equal(await send(self, target.port, credentials), first, 'what follows comes on it')
  t.equal(await send(self, target.port), first)
  const another = { raw: { ...requester.raw, socket: new Socket() } as unknown as IncomingMessage, name: 'alice' }
  t.not(await send(self, target.port, { requester: another }), first)
})

t.test('a request to the origin: path, method, fields and content are sent as they are (R-TGT-4)', async t => {
  const { port, seen } = await origin(t)
  const content = async function * () { yield Buffer.from('a') }
  t.equal(await send(client(t), port, { method: 'PROPFIND', fields: ['Host', 'x.test', 'X-A', '1', 'x-a', '\xe9'], content: content() }, { path: '//a/../%zz?%' }), '200 origin')
  const [{ method, url, rawHeaders, body }] = seen as [typeof seen[0]]
  t.strictSame([method, url, String(body)], ['PROPFIND', '//a/../%zz?%', 'a'])
  t.strictSame(rawHeaders, ['host', 'x.test', 'connection', 'keep-alive', 'X-A', '1', 'x-a', '\xe9', 'transfer-encoding', 'chunked'])
})

t.test('a connection that is kept: it serves the same target at the same addresses, and no other', async t => {
  const first = await origin(t)
  const second = await origin(t)
  const self = client(t)
  const both = [...LOOPBACK, { address: '127.0.0.2', family: 4 as const }]
  for (const [addresses, connections] of [[LOOPBACK, 1], [LOOPBACK, 1], [both, 2], [[...both].reverse(), 2]] as const) {
    t.equal(await send(self, first.port, { addresses }), '200 origin')
    t.equal(first.connections, connections)
    await new Promise(resolve => setTimeout(resolve, 20)) // undici looks whether the origin keeps it
  }
  t.equal(await send(self, first.port, {}, { host: 'other.test' }), '200 origin')
  t.equal(first.connections, 3, 'another name')
  t.equal(await send(self, second.port), '200 origin')
  t.equal(second.connections, 1, 'another port')
})

/** On a connection that may be several users'. */
const shared = { ...requester, raw: { ...requester.raw, headers: { via: '1.1 x' } } as unknown as IncomingMessage }

t.test('credentials that authenticate a connection, where several users may share it: the connection is not kept (R-PSUP-3)', async t => {
  const { port, seen } = await origin(t)
  const self = client(t)
  const rows = [['NTLM x', 'close'], ['negotiate x', 'close'], ['Basic x', 'keep-alive'], ['Negotiated x', 'keep-alive']] as const
  for (const [value, connection] of rows) {
    await send(self, port, { requester: shared, fields: ['Host', 'x.test', 'X-Authorization', 'NTLM', 'AUTHORIZATION', value] })
    t.equal(seen.at(-1)!.headers.connection, connection, value)
  }
})

t.test('TLS options that node cannot use: the boot stops', async t => {
  t.throws(() => createOriginClient({ connectTimeout: 1, headersTimeout: 1, bodyTimeout: 1, tls: { cert: 'garbage' } }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('a target with a name and addresses: the addresses decide where to connect, not the name', async t => {
  const { port } = await origin(t)
  for (const host of ['origin.test', '192.0.2.1', '0x7f.1', '::1', 'a_b.test']) t.equal(await send(client(t), port, {}, { host }), '200 origin', host)
})

t.test('a request in asterisk-form: it reaches the origin as such, by a way of its own (R-TGT-5)', async t => {
  const { port, seen } = await origin(t)
  t.equal(await send(client(t), port, { method: 'OPTIONS' }, { path: '*' }), '200 origin')
  t.match(seen, [{ method: 'OPTIONS', url: '*' }])
  t.equal(await send(client(t), await closedPort(), { method: 'OPTIONS' }, { path: '*' }), 'ECONNREFUSED')
})

t.test('a request that was aborted: no other connection is opened for it (R-FWD-3)', async t => {
  const origin = await rawOrigin(t, socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'))
  const self = client(t)
  const target = { form: 'absolute', scheme: 'http', host: '127.0.0.1', port: origin.port, authority: origin.authority, path: '/' } as const
  const aborted = async (when: 'onRequestStart' | 'onResponseData') => await new Promise(resolve => {
    const handler: Dispatcher.DispatchHandler = { onRequestStart () {}, onResponseStart () {}, onResponseError: (_controller, error) => { resolve(error.message) } }
    handler[when] = (controller: Dispatcher.DispatchController) => { controller.abort(new Error(when)) }
    self.send({ target, addresses: LOOPBACK, method: 'GET', fields: ['Host', 'x.test'], content: null, requester }, handler)
  })
  for (const [when, connections] of [['onResponseData', 1], ['onRequestStart', 2]] as const) {
    t.equal(await aborted(when), when)
    await until(() => origin.received.length >= connections && origin.open.size === 0)
    await new Promise(resolve => setTimeout(resolve, 30))
    t.equal(origin.received.length, connections)
  }
  t.strictSame(await Promise.all([aborted('onResponseData'), aborted('onResponseData')]), ['onResponseData', 'onResponseData'])
  await until(() => origin.open.size === 0)
  t.equal(origin.received.filter(text => text !== '').length, 3, 'what is under way beside it is not disturbed')
})

t.test('an origin that is too slow to connect, to send a head or a body: the request fails with a timeout', async t => {
  const stalled = await stalledListener(t)
  t.equal(await send(client(t, { connectTimeout: 50 }), stalled.port), 'FST_PROXY_AUTH_CONNECT_TIMEOUT')
  const silent = await rawOrigin(t, () => {})
  t.equal(await send(client(t, { headersTimeout: 50 }), silent.port), 'UND_ERR_HEADERS_TIMEOUT')
  const stalling = await rawOrigin(t, socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na'))
  t.equal(await send(client(t, { bodyTimeout: 50 }), stalling.port), 'UND_ERR_BODY_TIMEOUT')
  t.equal(await send(client(t), silent.port, { timeout: 50 }), 'UND_ERR_HEADERS_TIMEOUT', 'of this request alone')
  t.equal(await send(client(t), stalling.port, { timeout: 500 }), 'UND_ERR_BODY_TIMEOUT', 'of this request alone')
  t.equal(await send(client(t, { connectTimeout: 50 }), silent.port, {}, { scheme: 'https' }), 'FST_PROXY_AUTH_CONNECT_TIMEOUT', 'TLS counts')
})

t.test('a local address in the options: connections come from it', async t => {
  const { port, server } = await origin(t)
  const from: unknown[] = []
  server.on('connection', socket => from.push(socket.remoteAddress))
  t.equal(await send(client(t, { localAddress: '127.0.0.9' }), port), '200 origin')
  t.strictSame(from, ['127.0.0.9'])
})

t.test('an https target: TLS is set up by us, and verified against the name of the target', { skip: openssl.skip }, async t => {
  const warnings: string[] = []
  const warn = ({ message }: Error) => { warnings.push(message) }
  process.on('warning', warn)
  t.teardown(() => process.removeListener('warning', warn))
  const { cert, key } = certificate(t, 'origin.test')
  const names: unknown[] = []
  const server = createTlsServer({ cert, key }, (_request, response) => response.end('tls'))
  server.on('secureConnection', socket => names.push(socket.servername, socket.alpnProtocol))
  const port = await listen(t, server as never)
  const https = async (host: string, options: Partial<OriginClientOptions>, path = '/') =>
    await send(client(t, options), port, { method: path === '*' ? 'OPTIONS' : 'GET' }, { scheme: 'https', host, path })
  const trusting = { tls: { ca: cert } }

  t.equal(await https('origin.test', {}), 'FST_PROXY_AUTH_TLS')
  t.equal(await https('origin.test', trusting), '200 tls')
  t.strictSame(names.splice(0), ['origin.test', 'http/1.1'])
  t.equal(await https('other.test', trusting), 'FST_PROXY_AUTH_TLS')
  names.splice(0)
  t.equal(await https('127.0.0.1', trusting), '200 tls', 'an address is verified too')
  t.strictSame(names.splice(0), [false, 'http/1.1'], 'and is no server name')
  for (const host of ['2130706433', '0x7f.1', '0177.0.0.1']) {
    t.equal(await https(host, trusting), '200 tls', `${host} is an address for TLS as it is for policy`)
    t.strictSame(names.splice(0), [false, 'http/1.1'], 'in any of its spellings')
  }
  t.equal(await https('192.0.2.1', trusting), 'FST_PROXY_AUTH_TLS')
  t.equal(await https('origin.test', trusting, '*'), '200 tls')
  t.strictSame(warnings, [])
  const plain = await origin(t)
  t.match(await send(client(t), plain.port, {}, { scheme: 'https', host: 'origin.test' }), 'FST_PROXY_AUTH_TLS')
})

t.test('the origin client is closed: requests that are under way end', async t => {
  const silent = await rawOrigin(t, () => {})
  const self = createOriginClient({ connectTimeout: 60_000, headersTimeout: 0, bodyTimeout: 0 })
  const answer = send(self, silent.port)
  while (silent.received[0] === undefined || silent.received[0] === '') await new Promise(setImmediate)
  await self.close()
  t.equal(await answer, 'UND_ERR_DESTROYED')
})

t.test('an offer of protocols: it is sent along, and once it is accepted the handler gets the connection (R-UPG-3)', async t => {
  const { port, received } = await rawOrigin(t, socket => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: b\r\n\r\nmore'))
  const self = client(t)
  const target = { form: 'absolute', scheme: 'http', host: '127.0.0.1', port, authority: 'x', path: '/' } as const
  const [status, more] = await new Promise<[number, string]>((resolve, reject) => {
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart () {},
      onRequestUpgrade (_controller, status, _headers, socket) {
        t.teardown(() => { socket.destroy() })
        socket.once('data', data => resolve([status, String(data)]))
      },
      onResponseError (_controller, error) { reject(error) }
    }
    self.send({ target, addresses: LOOPBACK, method: 'GET', fields: ['Host', 'x.test'], content: null, requester, upgrade: ['a/1', 'b'] }, handler)
  })
  t.same([status, more], [101, 'more'])
  t.match(received[0], /\r\nconnection: upgrade\r\nupgrade: a\/1, b\r\n/)
})

/** A detour to an origin that is asked for nothing: it opens when it is told to. */
function detour (key: string, port: number): Detour & { opened: number, givenUp: number, go: boolean } {
  const self = {
    key,
    go: true,
    opened: 0,
    givenUp: 0,
    open (done: Dialled) {
      self.opened += 1
      const cancel = self.go ? dial(LOOPBACK, port, { connectTimeout: 60_000 }, done) : () => {}
      return () => { self.givenUp += 1; cancel() }
    }
  }
  return self
}

t.test('a detour: it is opened in the place of an address, for all forms, and its TLS is the target\'s', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'origin.test')
  const { port, seen } = await origin(t)
  const secure = createTlsServer({ cert, key }, (_request, response) => response.end('tls'))
  await listen(t, secure)
  const self = client(t, { tls: { ca: cert } })
  const by = (way: Detour, target: Partial<Outgoing['target']>, more: Partial<Outgoing> = {}) => send(self, 1, { addresses: [], detour: way, ...more }, target)
  t.equal(await by(detour('one', port), { host: 'origin.test' }), '200 origin')
  t.equal(await by(detour('one', port), { path: '*' }, { method: 'OPTIONS' }), '200 origin')
  t.match(seen[1], { url: '*' })
  const { port: securePort } = secure.address() as AddressInfo
  t.equal(await by(detour('two', securePort), { scheme: 'https', host: 'origin.test' }), '200 tls')
  t.equal(await by(detour('two', securePort), { scheme: 'https', host: 'other.test' }), 'FST_PROXY_AUTH_TLS')
})

t.test('connections by a detour: they serve those with its key and no others, and a new one is opened as the latest says', async t => {
  const { port, seen } = await origin(t, (request, response) => {
    response.setHeader('connection', request.headers['x-last'] === undefined ? 'keep-alive' : 'close').end(String(request.socket.remotePort))
  })
  const self = client(t)
  const get = (way: Detour, ...fields: string[]) => send(self, 1, { addresses: [], detour: way, fields: ['Host', 'x.test', ...fields] })
  const [first, second, other] = [detour('a 1', port), detour('a 1', port), detour('a 2', port)]
  const one = await get(first)
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(await get(second), one)
  t.not(await get(other), one)
  t.equal(await get(second, 'X-Last', '1'), one)
  await until(async () => await get(second) !== one)
  t.strictSame([first.opened, second.opened, other.opened], [1, 1, 1])
  t.ok(seen.length >= 5)
})

t.test('a detour that fails: the request fails with that, and another is tried for the next', async t => {
  const { port } = await origin(t)
  const self = client(t)
  const failing: Detour = { key: 'a', open: done => { setImmediate(done, new ParentDenied(503)); return () => {} } }
  const get = (way: Detour, path = '/') => send(self, 1, { method: 'OPTIONS', addresses: [], detour: way }, { path })
  t.equal(await get(failing), 'FST_PROXY_AUTH_PARENT_DENIED')
  t.equal(await get(failing, '*'), 'FST_PROXY_AUTH_PARENT_DENIED')
  t.equal(await get(detour('a', port)), '200 origin')
})

t.test('a client that leaves a request without a detour: it is connected to all the same, as before', async t => {
  const target = await origin(t)
  const self = client(t)
  const whole = { form: 'absolute', scheme: 'http', host: 'x.test', port: target.port, authority: 'x.test', path: '/' } as const
  const status = await new Promise(resolve => {
    const handler: Dispatcher.DispatchHandler = { onRequestStart () {}, onResponseStart (_controller, status) { resolve(status) }, onResponseError () {} }
    self.send({ target: whole, addresses: LOOPBACK, method: 'GET', fields: ['Host', 'x.test'], content: null, requester }, handler)()
  })
  t.equal(status, 200)
})

t.test('clients that leave while a detour is opened: it is given up when no other waits for it', async t => {
  const { port } = await origin(t)
  const self = client(t)
  const begin = (way: Detour, path = '/'): { leave: () => void, outcome: Promise<string> } => {
    let leave!: () => void
    const outcome = new Promise<string>(resolve => {
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart () {},
        onResponseStart (_controller, status) { resolve(String(status)) },
        onResponseError (_controller, error) { resolve((error as Error & { code: string }).code) }
      }
      const target = { form: 'absolute', scheme: 'http', host: 'x.test', port: 1, authority: 'x.test:1', path } as const
      leave = self.send({ target, addresses: [], detour: way, method: 'OPTIONS', fields: ['Host', 'x.test'], content: null, requester }, handler)
    })
    return { leave, outcome }
  }
  for (const path of ['/', '*']) {
    const silent = detour('silent', port)
    silent.go = false
    const one = begin(silent, path)
    one.leave()
    one.leave()
    t.equal(await one.outcome, 'FST_PROXY_AUTH_CLIENT_LEFT')
  }
  const way = detour('shared', port)
  way.go = false
  const [first, second] = [begin(way), begin(way)]
  await until(() => way.opened === 2)
  first.leave()
  t.equal(way.givenUp, 0)
  second.leave()
  t.equal(way.givenUp, 2)
  for (const { outcome } of [first, second]) t.equal(await outcome, 'FST_PROXY_AUTH_CLIENT_LEFT')
  way.go = true
  const third = begin(way)
  t.equal(await third.outcome, '200')
  third.leave()
  t.equal(way.givenUp, 2, 'behind its end there is nothing to give up')
})

t.test('a request that is sent: its trail has the address, on a new connection and on a kept one, and for OPTIONS *', async t => {
  const self = client(t)
  const target = await origin(t)
  const addresses = [{ address: '127.0.0.2', family: 4 as const }, ...LOOPBACK]
  const trailOf = async (port: number, outgoing: Partial<Outgoing>, to: Partial<Outgoing['target']> = {}): Promise<string | undefined> => {
    const trail = { address: undefined as string | undefined }
    await send(self, port, { ...outgoing, trail }, to)
    return trail.address
  }
  t.equal(await trailOf(target.port, {}), '127.0.0.1')
  t.equal(await trailOf(target.port, {}), '127.0.0.1')
  t.equal(await trailOf(target.port, { addresses }), '127.0.0.1', 'nothing listens at the first')
  t.equal(await trailOf(target.port, { fields: ['Host', 'x.test', 'Authorization', 'NTLM TlRM'] }), '127.0.0.1', 'a connection of its own')
  t.equal(await trailOf(target.port, { method: 'OPTIONS' }, { path: '*' }), '127.0.0.1')
  t.equal(await trailOf(await closedPort(), {}), undefined)
})

t.test('a request that is sent over TLS: its trail has the address', { skip: openssl.skip }, async t => {
  const { key, cert } = certificate(t, 'origin.test')
  const secure = await origin(t, undefined, { key, cert })
  const trusting = client(t, { tls: { ca: cert } })
  const trail = { address: undefined as string | undefined }
  t.equal(await send(trusting, secure.port, { trail }, { scheme: 'https', host: 'origin.test' }), '200 origin')
  t.equal(trail.address, '127.0.0.1')
})
