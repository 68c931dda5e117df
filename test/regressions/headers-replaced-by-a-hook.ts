// A hook of the application may put fields of its own in the place of node's (`request.headers = …`). Fastify shows those from then
// on, and they kept the credentials that the gate had taken off the request: WebSockets of @fastify/http-proxy and functions that copy
// what they see carried them to the upstream.

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const REPLACED: Record<string, (request: FastifyRequest) => IncomingMessage['headers']> = {
  'a copy': (request) => ({ ...request.headers, 'x-own': 'yes' }),
  'a copy in other letters': ({ headers }) => Object.fromEntries(Object.entries({ ...headers, 'x-own': 'yes' }).map(([name, value]) => [name.toUpperCase(), value]))
}

const byKey = foreign('key', function (request) {
  if (request.headers['x-key'] !== 'alice-secret') return this.fail('Key realm="Gateway"')
  this.success({ username: 'alice' })
})

const replace = (make: (request: FastifyRequest) => IncomingMessage['headers']) => (app: FastifyInstance) => {
  app.addHook('onRequest', (request: FastifyRequest, _reply: FastifyReply, done) => {
    request.headers = make(request)
    done()
  })
}

const copy = ({ headers }: { headers: IncomingMessage['headers'] }, head: object) =>
  ({ ...head, ...Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':'))) })

/** Everything a request carried is as it must be. */
function isClean (t: Test, rawHeaders: readonly string[]): void {
  t.match(rawHeaders.join(' '), /\bx-own yes\b/i)
  t.notMatch(rawHeaders.join(' '), /authorization|x-key|alice/i)
}

for (const [what, make] of Object.entries(REPLACED)) {
  for (const hook of ['onRequest', 'preHandler'] as const) {
    const options: GatewayOptions = { hook, before: replace(make), strategies: [{ strategy: byKey, scheme: null, reads: ['X-Key'] }] }

    for (const http2 of [false, true]) {
      t.test(`headers replaced by ${what}, gate at ${hook}, ${http2 ? 'HTTP/2' : 'HTTP/1.1'}: a function that copies them carries no credentials on`, async t => {
        const target = await origin(t)
        const route = { upstream: target.url, replyOptions: { rewriteRequestHeaders: copy } }
        const { port, url } = await gateway(t, {
          ...options,
          ...(http2 && { fastify: { http2: true } as object }),
          reverse: [{ prefix: '/407', ...route }, { prefix: '/401', status: 401, ...route }]
        })
        for (const path of ['/407', '/401']) {
          const fields = { authorization: path === '/401' ? ALICE : undefined, 'proxy-authorization': ALICE, 'x-key': 'alice-secret' }
          if (http2) {
            await (await Http2Client.to(t, url)).ask({ ':path': path, ...fields })
          } else {
            const lines = Object.entries(fields).flatMap(([name, value]) => value === undefined ? [] : [`${name}: ${value}`])
            await (await RawClient.to(t, port)).send([`GET ${path} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')).answer()
          }
          isClean(t, target.seen.pop()!.rawHeaders)
        }
      })
    }

    t.test(`headers replaced by ${what}, gate at ${hook}: a WebSocket of @fastify/http-proxy carries no credentials on`, async t => {
      const target = await webSocketOrigin(t)
      const ofRequest = (head: object, { headers }: FastifyRequest) => ({ ...head, authorization: headers.authorization ?? 'none' })
      const { port } = await gateway(t, {
        hook,
        before: replace(make),
        reverse: [
          { prefix: '/usual', upstream: target.url, status: 401, websocket: true, wsHooks: {} },
          { prefix: '/copied', upstream: target.url, status: 401, websocket: true, wsClientOptions: { rewriteRequestHeaders: ofRequest } as object }
        ]
      })
      for (const [path, authorization] of [['/usual', undefined], ['/copied', 'none']] as const) {
        const upgraded = once(target.server, 'connection')
        const client = webSocket(t, `ws://127.0.0.1:${port}${path}`, { headers: { authorization: ALICE } })
        await next(client, 'open')
        await upgraded
        t.equal(target.seen.pop()!.headers.authorization, authorization)
      }
    })
  }
}

t.test('Max-Forwards that a hook has put among the headers: the gateway is the last recipient, and nothing reaches the origin', async t => {
  const target = await origin(t)
  const { port } = await gateway(t, {
    before: replace(({ headers }) => ({ ...headers, 'max-forwards': '0' })),
    reverse: [{ prefix: '/api', upstream: target.url }]
  })
  for (const path of [`${target.url}/a`, '/api/a']) {
    for (const method of ['OPTIONS', 'TRACE']) {
      const client = await RawClient.to(t, port)
      const text = await client.send(`${method} ${path} HTTP/1.1\r\nHost: ${new URL(target.url).host}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).answer()
      t.match(text, method === 'TRACE' ? /^HTTP\/1\.1 200 .*TRACE /s : /^HTTP\/1\.1 200 .*Content-Length: 0/is)
      t.strictSame(target.seen, [])
    }
  }
})
