import { createServer } from 'node:http'
import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { listening } from '../fixtures/listening.js'
import { RawClient } from '../fixtures/raw-client.js'

// Requests to a reverse route that try to reach something of its upstream outside the path that the route maps to.

/** Everything an upstream could be brought to take for another place, of what is behind `/api`. */
const REST = [
  '/../secret', '/x/../../secret', '/..', '/%2e%2e/secret', '/.%2E/secret', '/%2e%2e', '/..%2fsecret', '/x%2f..%2f..%2fsecret', '/x/..%2f..%2fsecret',
  '/..\\secret', '/x\\..\\..\\secret', '/..%5csecret', '/%5c..%5csecret', '/..%5c..%5csecret', '\\..\\secret', '%2f../secret', '/\t../secret',
  '/..;/secret', '//../secret', '//..//..//secret', '/..?x', '/..#', '/x/..%00/secret', '/%u002e./secret', '/%c0%ae%c0%ae/secret'
]
const targets = (below: string) => [
  ...REST.map(rest => `/api${below}${rest}`), ...['/%61pi/secret', '/%61pi', '/ap%69/../secret', '/ap%69/%2e%2e/secret', '/API/../secret', '//api/../secret'].map(path => path.replace(/(?<=[iI])(?=\/|$)/, below))
]
const HANDSHAKE = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** What a lenient server makes of a path: its escapes decoded once, backslashes as slashes, dot segments resolved. */
function place (path: string): string {
  const decoded = decodeURIComponent(path.replace(/[?#].*$/s, '').replace(/%(?![0-7][\da-f])/gi, '%25')).replace(/[\0\t]/g, '').replaceAll('\\', '/')
  const segments: string[] = []
  for (const segment of decoded.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

/** The ways in which a route may lead to `/public` of an upstream; with a parameter, to what is below. */
const ROUTES: Record<string, (url: string) => object> = {
  'a prefix rewritten': url => ({ upstream: url, rewritePrefix: '/public' }),
  'an upstream with a path': url => ({ upstream: `${url}/public` }),
  'a parameter': url => ({ prefix: '/api/:tenant', upstream: url, rewritePrefix: '/public/:tenant' }),
  'another client': url => ({ upstream: url, rewritePrefix: '/public', http: true }),
  'an upstream chosen by request': url => ({ upstream: '', rewritePrefix: '/public', websocket: false, replyOptions: { getUpstream: () => url } }),
  'WebSockets by http-proxy': url => ({ upstream: url, rewritePrefix: '/public', wsClientOptions: {} })
}
for (const [name, route] of Object.entries(ROUTES)) {
  t.test(`${name}: dot segments, slashes and backslashes, escaped or not, do not lead out of its part of the upstream (S42, CVE-2025-66415, CVE-2026-15631, CVE-2026-16117, CVE-2026-85124)`, async t => {
    const below = name === 'a parameter' ? '/acme' : ''
    const seen: string[] = []
    const server = createServer((request, response) => { seen.push(request.url!); response.end('an upstream') })
    server.on('upgrade', (request, socket) => {
      socket.on('error', () => {}) // the gateway does not wait for the rest of a refusal
      seen.push(request.url!)
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
    const url = `http://127.0.0.1:${await listening(t, server as never)}`
    const gates = await Promise.all([{}, { caseSensitive: false, ignoreDuplicateSlashes: true }].map(async routerOptions => await gateway(t, {
      fastify: { routerOptions } as never, level: 'silent', reverse: [{ prefix: '/api', websocket: true, ...route(url) } as never], forward: undefined as never
    })))
    await Promise.all(gates.flatMap(({ port }) => ['', HANDSHAKE].map(async fields => {
      for (const target of targets(below)) {
        const client = await RawClient.to(t, port)
        await client.send(`GET ${target} HTTP/1.1\r\nHost: gw.test\r\nProxy-Authorization: ${ALICE}\r\n${fields}\r\n`).answer()
        client.socket.destroy()
      }
    })))
    for (const path of seen) t.ok(`${place(path)}/`.startsWith(`/public${below}/`), path)
    t.ok(seen.includes(`/public${below}/secret`), 'a prefix with an escape in it is that prefix')
  })
}

t.test('the same over HTTP/2: nothing leads out (CVE-2026-16117, CVE-2026-85124)', async t => {
  const seen: string[] = []
  const server = createServer((request, response) => { seen.push(request.url!); response.end() })
  const url = `http://127.0.0.1:${await listening(t, server as never)}`
  const { url: at } = await gateway(t, { fastify: { http2: true } as never, reverse: [{ prefix: '/api', upstream: url, rewritePrefix: '/public' }], forward: undefined as never })
  const client = await Http2Client.to(t, at)
  for (const path of targets('')) await client.ask({ ':path': path, 'proxy-authorization': ALICE })
  t.ok(seen.includes('/public/secret'))
  for (const path of seen) t.match(place(path), /^\/public(?:\/|$)/, path)
})
