import { EventEmitter } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { TARGET_FORM, isReused, markActive, markReused, mayBeReused, receive, received, showTargets, targetFormConstraint } from '../../../lib/proxy/ingress/target-form.js'
import { RawClient } from '../../fixtures/raw-client.js'

const BAD_TARGET = { code: 'FST_PROXY_AUTH_BAD_TARGET', statusCode: 400 }
const WIRE = { httpVersion: '1.1', httpVersionMajor: 1, rawHeaders: [] }
const stream = (url: string, headers = {}, socket = {}) =>
  ({ ...message('GET', url, { ':scheme': 'http', ':authority': 'a.test', ...headers }, socket), httpVersionMajor: 2, stream: {} }) as unknown as IncomingMessage
const message = (method: string, url: string, headers = {}, socket = {}) =>
  ({ ...WIRE, method, url, headers: { host: 'a.test', ...headers }, socket }) as unknown as IncomingMessage & { originalUrl?: string }

t.test('origin-form and OPTIONS *: they are left to the application', async t => {
  for (const [method, url] of [['GET', '/'], ['GET', '//a.test/'], ['GET', '/http://a.test/'], ['OPTIONS', '*']] as const) {
    const request = message(method, url, { 'accept-version': '1' })
    t.equal(receive(request), undefined)
    t.match(request, { url, headers: { 'accept-version': '1' } })
  }
})

t.test('absolute-form and authority-form: they are taken by the proxy, and parsed once (R-TGT-1, R-TGT-3, R-SEC-7)', async t => {
  const request = message('GET', 'http://A.test?x')
  const found = receive(request)
  t.match(found, { url: 'http://A.test?x', target: { form: 'absolute', host: 'a.test', path: '/?x' }, failure: null })
  request.url = 'http://b.test/'
  t.equal(receive(request), found)
  t.equal(received(request), found)
  t.equal(received(message('GET', 'http://a.test/')), undefined)
  t.match(receive(message('CONNECT', 'a.test:443')), { target: { form: 'authority', host: 'a.test', port: 443 } })
})

t.test('a target that is none: it is a failure, and not left to the application (R-TGT-6, R-TGT-8, R-TGT-10)', async t => {
  for (const [method, url] of [
    ['GET', '*'], ['POST', '*'], ['GET', 'a.test:80'], ['GET', 'ftp://a.test/'], ['GET', 'http://u:p@a.test/'], ['GET', 'http://a.test/#f'],
    ['CONNECT', '/'], ['CONNECT', '*'], ['CONNECT', 'http://a.test/']
  ] as const) t.match(receive(message(method, url)), { target: null, failure: BAD_TARGET }, `${method} ${url}`)
})

t.test('a request of the application that is asked about again behind a malformed one: it is as it was', async t => {
  const socket = {}
  const request = message('GET', '/path?x', { 'accept-version': '1' }, socket)
  t.equal(receive(request), undefined)
  t.match(receive(message('GET', 'a.test:80', {}, socket)), { failure: BAD_TARGET })
  t.equal(receive(request), undefined)
  t.match(request, { url: '/path?x', headers: { 'accept-version': '1' } })
  t.equal(received(request), undefined)
})

t.test('something that has to come before the constraint: the constraint calls it first', async t => {
  const asked: unknown[] = []
  const { deriveConstraint } = targetFormConstraint(request => { asked.push(request); return undefined })
  const request = message('GET', 'http://a.test/')
  t.equal(deriveConstraint(request), undefined)
  t.strictSame(asked, [request])
})

t.test('userinfo in the target: it is nowhere on the request (R-TGT-8, R-SEC-1)', async t => {
  const request = message('GET', 'http://alice:canary@a.test/%zz')
  t.match(receive(request), { url: 'http://a.test/%zz' })
  t.notMatch(JSON.stringify([request, received(request)]), /canary|alice/)
})

t.test('a version asked for of the origin: the router does not see it', async t => {
  const request = message('GET', 'http://a.test/', { 'accept-version': '2' })
  receive(request)
  t.strictSame(request.headers, { host: 'a.test' })
})

t.test('a request on a connection that was given back: it never reaches the application', async t => {
  const socket = { on () {} } as unknown as Socket
  markReused(socket, new Exchanges())
  for (const [method, url] of [['GET', '/'], ['OPTIONS', '*']] as const) {
    t.match(receive(message(method, url, {}, socket)), { target: null, failure: { code: 'FST_PROXY_AUTH_BAD_REQUEST', statusCode: 400 } })
    t.match(receive(message('GET', 'http://a.test/', {}, socket)), { failure: { code: 'FST_PROXY_AUTH_BAD_REQUEST' } }, 'nor of one on which there was a malformed message')
  }
})

t.test('a malformed message: it is refused, and so is all that follows on its connection, except over HTTP/2 (R-SEC-6, R-MSG-1, R-CONN-5)', async t => {
  const bad = { code: 'FST_PROXY_AUTH_BAD_REQUEST', statusCode: 400 }
  for (const [url, headers] of [['http://u@a.test/', {}], ['http://a.test/', { 'transfer-encoding': 'gzip, chunked' }], ['http://a.test/', { host: 'a/b' }]] as const) {
    const socket = {}
    t.match(receive(message('POST', url, headers, socket)), { target: null, failure: { statusCode: 400 } })
    for (const behind of [message('GET', 'http://a.test/', {}, socket), message('GET', '/', {}, socket), message('CONNECT', 'a.test:443', {}, socket)]) {
      t.match(receive(behind), { target: null, failure: bad })
    }
  }
  const streams = {}
  const another = () => false
  t.match(receive(stream('/', { ':scheme': 'ftp' }, streams), another), { url: 'ftp://a.test/', failure: { statusCode: 400 } })
  t.match(receive(stream('/', {}, streams), another), { url: 'http://a.test/', failure: null }, 'not so a stream of HTTP/2')
})

const URLS = [
  'http://a.test/', 'http://a.test', 'http://a.test?x', 'HTTP://A.test:81/a/../b', 'http://a.test//x//y', 'http://a.test/%zz?%', 'http://a.test/%', 'http://a.test/a%2Fb%25%c3%28',
  'http://a.test/?%zz', 'http://a.test/a;b', 'http://a.test/\\x', 'http://a.test/caf\xe9', `http://a.test/${'x'.repeat(8000)}`, 'http://1.2.3.4.5/', 'http://256.1.1.1/x',
  'http://xn--a/', 'http://0x7f.1/', 'http://[::1]:8080/x', 'https://a.test/', 'ftp://a.test/x', 'http://a.test/#x', 'http://a.test#', 'http:///x', 'http://', 'http://a b/', 'http://a.test:99999/',
  'http://a.test\\@b.test/', 'http://a.test/x#%zz', 'a.test:80', '*', 'x'
]
t.test('any target that is for the proxy: it takes the route of the proxy, and the router makes no response (R-TGT-11)', async t => {
  const app = Fastify()
  app.addConstraintStrategy(targetFormConstraint() as never)
  app.all('/*', async () => 'theirs')
  app.get('/', { constraints: { version: '1.0.0' } }, async () => 'versioned')
  const handler = async () => 'ours'
  app.route({ method: 'GET', url: '*', constraints: { [TARGET_FORM]: 'proxy' }, handler })
  app.get('/x', async () => 'theirs')
  await app.ready()
  t.teardown(() => app.close())
  // The router as a server calls it, since node's parser refuses some of these.
  const answer = async (url: string, headers = {}) => await new Promise<string>(resolve => {
    const request = Object.assign(new IncomingMessage(new Socket()), WIRE, { method: 'GET', url, headers: { host: 'a.test', ...headers } })
    const response = Object.assign(new ServerResponse(request), { end: resolve as never })
    app.routing(request, response)
  })
  const versioned = { 'accept-version': '1.x' }
  for (const url of URLS) t.equal(await answer(url, { ...versioned }), 'ours', url.slice(0, 40))
  t.equal(await answer('/'), 'theirs', 'nobody can ask for what the router gets instead (F-1)')
  t.equal(await answer('/x'), 'theirs')
  t.equal(await answer('/', versioned), 'versioned')
})

t.test('any target that is for the proxy: the router gets a path (F-1)', async t => {
  for (const request of [...URLS.map(url => message('GET', url)), message('CONNECT', 'a.test:443'), message('CONNECT', '/')]) {
    const { url } = request
    receive(request)
    t.match(request, { url: '/' })
    t.match(received(request), { url })
  }
  const own = stream('/x', {})
  t.equal(receive(own, () => true), undefined)
  t.match(own, { url: '/x' })
})

for (const rewrites of [false, true]) {
  t.test(`Fastify shows the target as received, ${rewrites ? 'with' : 'without'} rewriteUrl (F-1)`, async t => {
    const given: unknown[] = []
    const rewriteUrl = ({ url }: { url?: string }) => { given.push(url); return `/rewritten${url}` }
    const app = Fastify(rewrites ? { rewriteUrl } : {})
    app.addConstraintStrategy(targetFormConstraint() as never)
    app.get('/rewritten/', async () => 'theirs')
    app.register(async scope => {
      showTargets(scope, app)
      const handler = async ({ raw, url, originalUrl, query }: FastifyRequest) => [raw.url, url, originalUrl, JSON.stringify(query)].join(' ')
      scope.route({ method: 'GET', url: '*', constraints: { [TARGET_FORM]: 'proxy' }, handler })
    })
    app.server.prependListener('request', request => { receive(request) })
    await app.listen({ port: 0, host: '127.0.0.1' })
    t.teardown(() => app.close())
    const ask = async (target: string) => {
      const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
      return (await client.send(`GET ${target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`).end()).split('\r\n\r\n')[1]
    }
    for (const url of ['http://a.test/%zz?%', 'http://a.test/x?y', 'http://1.2.3.4.5/']) t.equal(await ask(url), `${url} ${url} ${url} {}`)
    if (rewrites) t.strictSame(given, ['/', '/', '/'])
  })
}

t.test('a logger that the application makes: it is the logger of the request (F-1)', async t => {
  const seen: unknown[] = []
  const app = Fastify()
  app.register(async scope => {
    showTargets(scope, app)
    scope.addHook('onRequest', async ({ log }) => { seen.push(log) })
    scope.get('*', { constraints: { [TARGET_FORM]: 'proxy' } }, async () => 'ours')
  })
  app.addConstraintStrategy(targetFormConstraint() as never)
  const own = Object.create(app.log)
  app.setChildLoggerFactory((_logger, bindings, _options, request) => { seen.push(bindings, request.url); return own })
  await app.ready()
  t.teardown(() => app.close())
  await new Promise<void>(resolve => {
    const request = Object.assign(new IncomingMessage(new Socket()), WIRE, { method: 'GET', url: 'http://a.test/x', headers: { host: 'a.test' } })
    app.routing(request, Object.assign(new ServerResponse(request), { end: resolve as never }))
  })
  t.match(seen, [{ reqId: 'req-1' }, 'http://a.test/x'])
  t.equal(seen[2], own)
})

t.test('a value of the constraint that is not the one of the proxy: it has no handler', async t => {
  const storage = targetFormConstraint().storage()
  storage.set('proxy', 'handler')
  t.equal(storage.get('proxy'), 'handler')
  t.equal(storage.get('other'), null)
  t.equal(targetFormConstraint().validate(), undefined)
})

/** As much of a socket as matters: `close` follows `destroy`. */
class FakeSocket extends EventEmitter {
  destroy (): void { this.emit('close') }
}

/** A connection, and a request on it. */
function connection (): { socket: FakeSocket & Socket, request: IncomingMessage } {
  const socket = new FakeSocket() as FakeSocket & Socket
  return { socket, request: { socket } as unknown as IncomingMessage }
}

t.test('a connection that was given back: it stays with the proxy, whatever comes on it', async t => {
  const { socket, request } = connection()
  t.equal(isReused(request), false)
  markActive(request)
  markReused(socket, new Exchanges())
  t.equal(isReused(request), true)
  markActive(request)
  t.equal(isReused(request), true)
})

t.test('a connection given back several times: it is idle until each next request, and keeps no listener', async t => {
  const { socket, request } = connection()
  const exchanges = new Exchanges()
  for (let round = 0; round < 3; round++) {
    markReused(socket, exchanges)
    t.match([exchanges.size, socket.listenerCount('close')], [1, 1])
    markActive(request)
    markActive(request)
    t.match([exchanges.size, socket.listenerCount('close')], [0, 0])
  }
})

t.test('a server that stops: it ends idle connections and no busy ones', async t => {
  const [idle, busy] = [connection(), connection()]
  const exchanges = new Exchanges()
  const closed: string[] = []
  idle.socket.on('close', () => closed.push('idle'))
  busy.socket.on('close', () => closed.push('busy'))
  markReused(idle.socket, exchanges)
  markReused(busy.socket, exchanges)
  markActive(busy.request)
  await exchanges.drain(2 ** 31 - 1)
  t.strictSame(closed, ['idle'])
})

t.test('a connection that the client closes: it is forgotten', async t => {
  const { socket } = connection()
  const exchanges = new Exchanges()
  markReused(socket, exchanges)
  socket.emit('close')
  t.equal(exchanges.size, 0)
})

t.test('a connection that was given back 256 times: it is not given back again (S46)', async t => {
  const { socket, request } = connection()
  let times = 0
  for (; mayBeReused(socket) && times < 1_000; times++) {
    markReused(socket, new Exchanges())
    markActive(request)
  }
  t.equal(times, 256)
})
