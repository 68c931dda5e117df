import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { bothLoopbacks } from '../fixtures/localhost.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'

const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

/** Requests that node answers by itself, without an event that a response goes with. */
const BY_NODE = [
  { name: 'an unknown expectation', text: 'GET / HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n', statuses: [417], closes: false },
  { name: 'no Host', text: 'GET / HTTP/1.1\r\n\r\n', statuses: [400], closes: true },
  { name: 'one request too many', text: 'GET /own HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2), statuses: [200, 503], closes: true, fastify: { maxRequestsPerSocket: 1 } }
]

/** Requests that leave node's parser, and what they get. */
function behind (tunnel: string, upgrade: string): Array<{ name: string, text: string, status: number }> {
  const offer = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  const credentials = `Proxy-Authorization: ${ALICE}\r\n`
  return [
    { name: 'CONNECT without credentials', text: connectHead('a.test:1'), status: 407 },
    { name: 'CONNECT', text: connectHead(tunnel, `Proxy-Authorization: ${ALICE}`), status: 200 },
    { name: 'forward upgrade', text: `GET http://${upgrade}/ HTTP/1.1\r\nHost: x\r\n${offer}${credentials}\r\n`, status: 101 },
    { name: 'reverse upgrade', text: `GET /api/ HTTP/1.1\r\nHost: x\r\n${offer}${credentials}\r\n`, status: 101 },
    { name: 'upgrade for the application', text: `GET /own HTTP/1.1\r\nHost: x\r\n${offer}\r\n`, status: 200 }
  ]
}

function statusesOf (text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status))
}

type Connect = (gate: Gateway) => Promise<RawClient>

async function check (t: Test, options: GatewayOptions, connect: Connect, cases = BY_NODE): Promise<void> {
  const { authority: tunnel } = await tcpOrigin(t)
  const upstream = await rawOrigin(t, socket => { socket.write(SWITCHED) })
  for (const { name, text, statuses, closes, fastify } of cases) {
    const gate = await gateway(t, {
      before: app => { app.get('/own', async () => 'own') },
      reverse: [{ prefix: '/api', upstream: upstream.url, websocket: true }],
      ...options,
      fastify: { ...options.fastify, ...fastify } as never
    })
    for (const next of behind(tunnel, upstream.authority)) {
      const client = await connect(gate)
      const expected = closes ? statuses : [...statuses, next.status]
      await client.send(text + next.text).until(text => !closes && statusesOf(text).length === expected.length)
      t.strictSame(statusesOf(client.text), expected, `${name}, then ${next.name}`)
      client.socket.destroy()
    }
    t.match(await gate.app.inject('/own'), { statusCode: 200 }, 'the process goes on')
  }
}

t.test('a CONNECT or Upgrade behind a response that node writes by itself: waits for it (F-20)', async t => {
  await check(t, {}, async ({ port }) => await RawClient.to(t, port))
})

t.test('the same over TLS: waits for it (F-20)', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'gateway.test')
  await check(t, { fastify: { https: { cert, key } } as never }, async ({ port }) => await RawClient.toTls(t, port, { rejectUnauthorized: false }))
})

t.test('the same beside HTTP/2: waits for it (F-20)', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'gateway.test')
  const fastify = { http2: true, https: { cert, key, allowHTTP1: true } } as never
  const connect: Connect = async ({ port }) => await RawClient.toTls(t, port, { rejectUnauthorized: false })
  await check(t, { fastify }, connect, BY_NODE.slice(0, 1)) // the others are answered by the application there
})

const { skip, patch } = await bothLoopbacks()
t.test('the same on both servers of localhost: waits for it (F-20)', { skip }, async t => {
  t.teardown(patch())
  for (const family of ['IPv4', 'IPv6']) {
    await check(t, { host: 'localhost' }, async ({ app }) => {
      const { address, port } = (app.addresses() as AddressInfo[]).find(each => each.family === family)!
      return await RawClient.to(t, port, address)
    })
  }
})
