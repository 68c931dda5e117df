import t from 'tap'
import { Destinations, RewrittenPaths, queryOf, upstreamName } from '../../../lib/proxy/reverse/destination.js'
import type { QueryString } from '../../../lib/proxy/reverse/destination.js'
import { origin } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { PASS, message, reverse } from '../../fixtures/reverse.js'
import { webSocketOrigin } from '../../fixtures/web-sockets.js'

const BASE = 'http://up.test:8080'
const BAD = { code: 'FST_PROXY_AUTH_BAD_TARGET', statusCode: 400 }

t.test('a path of the upstream: it stays as it was written', async t => {
  const destinations = new Destinations(BASE)
  t.match(destinations.find('/a%2Fb/{x}?q', BASE), { origin: BASE, name: BASE, host: 'up.test:8080', path: '/a%2Fb/{x}', search: '?q' })
  t.match(destinations.find('//other.test/x', BASE), { host: 'up.test:8080', path: '//other.test/x' })
  t.match(destinations.find('/a/./b', BASE), { path: '/a/b' })
  t.match(destinations.find('/...a', BASE), { path: '/...a' })
  t.match(destinations.find('/x', 'https://other.test/x/'.slice(0, -1)), { origin: 'https://other.test', path: '/x' })
})

t.test('a path that leaves that of the upstream, or is none: 400', async t => {
  for (const source of ['/a/../b', '/..', '/a/%2e%2e/b', '/a\\..\\b', '/%zz', 'http://other.test/', 'https://up.test:8080/']) {
    t.throws(() => new Destinations(BASE).find(source, BASE), BAD, source)
  }
  const within = `${BASE}/api`
  t.throws(() => new Destinations(within).find('/other', within), BAD)
  t.throws(() => new Destinations(within).find('/apis', within), BAD)
  for (const source of ['/api', '/api/x']) t.equal(new Destinations(within).find(source, within).path, source)
})

t.test('destinations that were found: they are kept, up to a limit', async t => {
  const destinations = new Destinations(BASE)
  const first = destinations.find('/0', BASE)
  t.equal(destinations.find('/0', BASE), first)
  for (let i = 1; i <= 1_000; i++) destinations.find(`/${i}`, BASE)
  t.not(destinations.find('/0', BASE), first)
})

t.test('an upstream that is a socket in the file system: the log has its name', async t => {
  const upstream = 'unix+http://%2Ftmp%2Fx.sock/'
  t.match(new Destinations(upstream).find('/x', upstream), { name: 'unix+http://%2Ftmp%2Fx.sock', path: '/x' })
})

t.test('the query: the options\', else the destination\'s, else the client\'s', async t => {
  const query = (url: string, search = '', option?: QueryString) => queryOf(search, { raw: { url } } as never, option)
  t.equal(query('/x'), '')
  t.equal(query('/x?a=1?b'), '?a=1?b')
  t.equal(query('/x?a=1', '?b=2'), '?b=2')
  t.equal(query('/x?a=1', '', { c: 3, d: ['4', '5'] }), '?c=3&d=4&d=5')
  t.equal(query('/x?a=1', '', {}), '')
  t.equal(query('/x?a=1', '?b', (search, url) => `${search}!${url}`), '??b!/x?a=1')
  t.equal(query('/x?a=1', '', () => ''), '')
})

t.test('the name of an upstream in the log: scheme and authority, without userinfo and path', async t => {
  for (const [upstream, name] of [
    ['http://up.test', 'http://up.test'],
    ['https://user:canary@Up.test:8443/path?q=1', 'https://up.test:8443'],
    ['wss://up.test/', 'wss://up.test'],
    ['', '']
  ] as const) t.equal(upstreamName(upstream), name)
})

const headers = { 'proxy-authorization': PASS }

t.test('a path that was asked for before: goes where it went, with the query of this request', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, { upstream: upstream.url, rewritePrefix: '/base' })
  const seen = async (path: string) => {
    t.equal((await fetch(`${url}${path}`, { headers })).status, 200)
    return upstream.seen.pop()!.url
  }
  for (let i = 0; i < 2; i++) {
    t.equal(await seen('/api/a'), '/base/a')
    t.equal(await seen('/api/a?b=1'), '/base/a?b=1')
    t.equal(await seen('/api/a?c'), '/base/a?c')
    t.equal(await seen('/api/a%2Fb'), '/base/a%2Fb')
    t.equal(await seen('/api'), '/base')
  }
})

t.test('a path that was refused before: it is refused again', async t => {
  const upstream = await origin(t)
  const { url, app } = await reverse(t, { upstream: upstream.url })
  for (let i = 0; i < 2; i++) t.equal((await app.inject({ url: '/api/a%2f..%2f..%2fb', headers })).statusCode, 400)
  t.equal((await fetch(`${url}/api/b`, { headers })).status, 200)
  t.equal(upstream.seen.length, 1)
})

t.test('a destination that depends on more than the path: @fastify/http-proxy is asked each time', async t => {
  const [a, b] = [await origin(t), await origin(t)]
  let asked = 0
  const { url } = await reverse(t, { upstream: '', replyOptions: { getUpstream: () => asked++ === 0 ? a.url : b.url } })
  const rewritten = await reverse(t, { upstream: a.url, preRewrite: path => `${path}${asked++}` })
  for (let i = 0; i < 2; i++) t.equal((await fetch(`${url}/api/x`, { headers })).status, 200)
  t.same([a.seen.length, b.seen.length], [1, 1])
  for (let i = 0; i < 2; i++) t.equal((await fetch(`${rewritten.url}/api/x`, { headers })).status, 200)
  t.strictSame(a.seen.slice(1).map(({ url }) => url), ['/x2', '/x3'])
})

t.test('not without end: the oldest path is forgotten, and asked about once more', async t => {
  const sent: string[] = []
  let asked = 0
  const paths = new RewrittenPaths((_request, _reply, source) => { sent.push(source) })
  const handler = paths.before(function (request, reply) {
    asked += 1
    paths.sendFirst(request, reply, `/up${request.url}`, {})
  })
  const ask = (url: string) => handler.call({} as never, { url, raw: {} } as never, {} as never)
  ask('/0?a')
  ask('/0?b')
  t.equal(asked, 1)
  for (let i = 1; i <= 1_000; i++) ask(`/${i}`)
  ask('/0')
  t.equal(asked, 1_002)
  t.strictSame(sent.slice(0, 2), ['/up/0?a', '/up/0?a'])
})

t.test('a WebSocket for @fastify/http-proxy on a path that was asked for before: it is its to answer', async t => {
  const upstream = await webSocketOrigin(t)
  const { port, url } = await reverse(t, { upstream: upstream.url, websocket: true, wsClientOptions: {} } as never)
  for (let i = 0; i < 2; i++) await (await fetch(`${url}/api/ws`, { headers })).text()
  const client = await RawClient.to(t, port)
  client.send(message('GET', '/api/ws', {
    Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA=='
  }))
  t.match(await client.answer(), /^HTTP\/1\.1 101 /)
})
