// A client that has proved nothing kept its refusals in memory for as long as it liked, by not reading them.
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { FastifyError } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { connectHead } from '../fixtures/connect-head.js'
import { gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'
import { until } from '../fixtures/until.js'

t.jobs = 4
/** They wait, and not for each other. */
const SIDE_BY_SIDE = { buffered: true }

/** A gateway whose connections are counted. Refusals of the default size fill the buffers of the system with few requests. */
async function refusing (t: Test, options: GatewayOptions = {}, size = 100_000): Promise<{ port: number, open: () => number, asked: () => number }> {
  const sockets = new Set<Socket>()
  let asked = 0
  const text = 'x'.repeat(size)
  const { port } = await gateway(t, {
    level: 'silent',
    pages: { 407: { detail: text } },
    reverse: [{ prefix: '/api', upstream: 'http://127.0.0.1:1' }],
    before: app => {
      app.addHook('onRequest', async () => { asked += 1 })
      app.setErrorHandler(({ statusCode }: FastifyError, _request, reply) => reply.code(statusCode!).send(text))
    },
    after: app => {
      app.get('/own', { onRequest: app.proxyAuthenticate! }, async () => 'own')
      app.server.on(app.server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
      })
    },
    ...options
  })
  return { port, open: () => sockets.size, asked: () => asked }
}

const MALFORMED = 'Proxy-Authorization: Basic !'
const HEADS: Record<string, string> = {
  'absolute-form, 407': 'GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\nAccept: text/html\r\n\r\n',
  'absolute-form, 400': `GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n${MALFORMED}\r\nAccept: text/html\r\n\r\n`,
  'reverse, 407': 'GET /api/ HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n',
  'reverse, 400': `GET /api/ HTTP/1.1\r\nHost: x\r\n${MALFORMED}\r\n${MALFORMED}\r\nAccept: text/html\r\n\r\n`,
  'own route, 407': 'GET /own HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n',
  'own route, 400': `GET /own HTTP/1.1\r\nHost: x\r\n${MALFORMED}\r\n${MALFORMED}\r\nAccept: text/html\r\n\r\n`
}

async function notRead (t: Test, client: RawClient, name: string, text: string, { open, asked }: Awaited<ReturnType<typeof refusing>>): Promise<void> {
  client.socket.pause()
  client.send(text)
  await until(() => asked() > 0)
  t.equal(open(), 1, name)
  await until(() => open() === 0)
  t.ok(asked() < 20_000, 'not all of 20,000 are taken')
}

t.test('20,000 pipelined requests, of whose refusals nothing is read: the connection is closed (F-24)', SIDE_BY_SIDE, async t => {
  await Promise.all(Object.entries(HEADS).map(async ([name, head]) => {
    const gate = await refusing(t)
    await notRead(t, await RawClient.to(t, gate.port), name, head.repeat(20_000), gate)
  }))
})

// With more than one record of them node itself ends the connection.
t.test('200 of them over TLS: the connection is closed (F-24)', { ...SIDE_BY_SIDE, skip: openssl.skip }, async t => {
  const { key, cert } = certificate(t, 'gateway.test')
  const gate = await refusing(t, { fastify: { https: { key, cert } } as object })
  const [[name, head]] = Object.entries(HEADS) as [[string, string]]
  await notRead(t, await RawClient.toTls(t, gate.port, { rejectUnauthorized: false }), name, head.repeat(200), gate)
})

const FORMS: Record<string, ReadonlyArray<readonly [string, string]>> = {
  forward: [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'origin.test']],
  reverse: [[':method', 'GET'], [':scheme', 'http'], [':path', '/api/'], [':authority', 'gateway.test']],
  'own route': [[':method', 'GET'], [':scheme', 'http'], [':path', '/own'], [':authority', 'gateway.test']],
  CONNECT: [[':method', 'CONNECT'], [':authority', 'origin.test:443']]
}

t.test('HTTP/2, 1,000 requests without a window: streams and connection are closed (F-24)', SIDE_BY_SIDE, async t => {
  await Promise.all(Object.entries(FORMS).map(async ([name, fields]) => {
    const { port, open, asked } = await refusing(t, {
      fastify: { http2: true } as object,
      forward: { special: ['127.0.0.1:*'], authorities: ['gateway.test'] }
    }, 100)
    const client = await RawHttp2.to(t, port, [[4, 0]])
    for (let id = 1; id < 2_000; id += 2) client.headers(id, fields, name !== 'CONNECT')
    await until(() => asked() === 1_000)
    t.equal(open(), 1, name)
    t.equal(await client.resetOf(1), 8, name)
    await until(() => open() === 0)
  }))
})

t.test('a CONNECT that is refused, then read: the connection is kept (F-24)', SIDE_BY_SIDE, async t => {
  const gate = await refusing(t)
  const client = await RawClient.to(t, gate.port)
  for (let i = 0; i < 2; i++) t.match(await client.send(connectHead('origin.test:443')).answer(), /^HTTP\/1.1 407 /)
  const began = performance.now()
  await until(() => performance.now() - began > 10_500)
  t.match(await client.send(connectHead('origin.test:443')).answer(), /^HTTP\/1.1 407 /)
  t.equal(gate.open(), 1)
})
