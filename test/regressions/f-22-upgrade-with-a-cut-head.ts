import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { webSocketOrigin } from '../fixtures/web-sockets.js'

// Node drops lines behind `maxHeadersCount` and does not say so. A head that was written again without its `Upgrade` lines passed
// the check of their number, and its content, whose length was among the dropped, was read as a request with the client's credentials.

const LIMITS = [undefined, 1, 3, 31, 62, 500, 2000]

/** More lines than node keeps; `upgrades` of them offer something, which makes the list shorter when they are left out. */
function head (line: string, limit: number, upgrades: number, protocol = 'h2c'): string {
  const offers = `Upgrade: ${protocol}\r\n`.repeat(upgrades)
  return `${line} HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\nConnection: upgrade\r\n${offers}${'a:\r\n'.repeat(limit + 6)}`
}

async function surroundings (t: Test, limit: number | undefined, before: (app: FastifyInstance) => unknown = () => {}) {
  const { port, seen, authority, server } = await origin(t)
  server.maxHeadersCount = 0
  const web = await webSocketOrigin(t)
  const stolen: string[] = []
  const { port: at } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: `http://${authority}` }, { prefix: '/ws', upstream: web.url, websocket: true },
      { prefix: '/given', upstream: web.url, websocket: true, wsClientOptions: {} }],
    before: async app => {
      if (limit !== undefined) app.server.maxHeadersCount = limit
      app.all('/own', async () => 'own')
      app.get('/stolen', async () => { stolen.push('own') })
      await before(app)
    }
  })
  const sent = () => [...seen.map(({ url }) => url), ...stolen, ...web.seen.map(({ url }) => url)]
  return { client: async () => await RawClient.to(t, at), authority, port, sent }
}

for (const limit of LIMITS) {
  t.test(`maxHeadersCount ${limit}: an upgrade with more lines is a 431, and nothing behind its head is read as a request (F-22, CVE-2024-37890, CVE-2026-58044)`, async t => {
    const { client, authority, sent } = await surroundings(t, limit)
    const next = `GET http://${authority}/stolen HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${ALICE}\r\n\r\nGET /stolen HTTP/1.1\r\nHost: a\r\n\r\n`
    const lines = ['POST /own', 'GET /own', 'POST /api/x', `POST http://${authority}/x`, `GET http://${authority}/x`, 'GET /ws/x', 'GET /given/x']
    for (const line of lines) {
      for (const protocol of ['h2c', 'websocket']) {
        for (const framing of [`Content-Length: ${next.length}\r\n\r\n${next}`, `Transfer-Encoding: chunked\r\n\r\n${next.length.toString(16)}\r\n${next}\r\n0\r\n\r\n`]) {
          const asking = await client()
          const text = await asking.send(head(line, limit ?? 1000, 24, protocol) + framing).end()
          t.match(text, /^HTTP\/1\.1 431 /, `${line}, ${protocol}`)
          t.equal(text.match(/HTTP\/1\.1 /g)?.length, 1)
        }
      }
    }
    t.strictSame(sent(), [])
  })

  t.test(`maxHeadersCount ${limit}: other requests with more lines are a 431 in all forms (F-22, CVE-2026-58044)`, async t => {
    const { client, authority, sent } = await surroundings(t, limit)
    for (const line of [`CONNECT ${authority}`, `POST http://${authority}/x`, 'POST /api/x', `TRACE http://${authority}/x`, `OPTIONS http://${authority}`, 'TRACE /api/x']) {
      const asking = await client()
      const text = await asking.send(`${head(line, limit ?? 1000, 0)}Max-Forwards: 0\r\n\r\n`).end()
      t.match(text, /^HTTP\/1\.1 431 /, line)
      t.notMatch(text, /a:/)
    }
    t.strictSame(sent(), [])
  })
}

t.test('no limit: an upgrade with content and 1,100 lines goes on with all of them (F-22)', async t => {
  const { client, authority, sent } = await surroundings(t, 0)
  for (const [line, url] of [[`POST http://${authority}/x`, '/x'], ['POST /api/y', '/y']] as const) {
    const asking = await client()
    asking.send(`${head(line, 1100, 3)}Content-Length: 5\r\n\r\nGET /`)
    t.match(await asking.answer(), /^HTTP\/1\.1 200 /)
    t.equal(sent().pop(), url)
  }
})

t.test('the list is as long as node reads and a hook before takes the credentials out of it: a 431 on a reverse route (F-22)', async t => {
  const { client, sent } = await surroundings(t, 31, app => {
    app.addHook('onRequest', async (request, reply) => await (app.proxyAuthenticate as (request: unknown, reply: unknown) => Promise<unknown>)(request, reply))
  })
  for (const line of ['POST /api/x', 'GET /api/x']) {
    t.match(await (await client()).send(`${head(line, 60, 0)}Connection: a\r\n\r\n`).end(), /^HTTP\/1\.1 431 /, line)
  }
  t.strictSame(sent(), [])
})

t.test('HTTP/2: node resets a stream with more fields than it takes, so none is cut (F-22)', async t => {
  const { port: to, seen } = await origin(t)
  const { url } = await gateway(t, { fastify: { http2: true } as never, reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${to}` }] })
  const client = await Http2Client.to(t, url)
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, '1']))
  for (const target of [{ ':path': '/api/x' }, { ':path': '/x', ':authority': `127.0.0.1:${to}` }]) {
    const { rstCode } = await client.ask({ 'proxy-authorization': ALICE, ...target, ...many })
    t.not(rstCode, 0)
  }
  t.equal(seen.length, 0)
})
