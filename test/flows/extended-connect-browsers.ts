import { createServer } from 'node:http'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { always } from '../fixtures/auto-configuration.js'
import { browsers } from '../fixtures/browsers.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { gateway } from '../fixtures/gateway.js'
import { listen } from '../fixtures/origin.js'

const alice = { username: 'alice', password: 'alice-secret' }
const TALK = `new Promise((resolve) => {
  const socket = new WebSocket(location.origin.replace('http', 'ws') + '/api/chat', ['a', 'b'])
  socket.onopen = () => socket.send('hello')
  socket.onmessage = ({ data }) => { socket.onclose = ({ code }) => resolve([data, socket.protocol, code]); socket.send('bye') }
  socket.onerror = () => resolve('no WebSocket')
})`

t.setTimeout(600_000)
for (const [name, { skip, startConfigured }] of Object.entries(browsers)) {
  // Only as the origin: browsers answer no 407 of a server that is not their proxy.
  t.test(`${name}: the WebSocket of a page on a reverse route is a stream of its session (R-XC-4)`, { skip: skip || openssl.skip, timeout: 300_000 }, async t => {
    const http = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end('<!doctype html><link rel="icon" href="data:,">here')
    })
    const server = new WebSocketServer({ server: http, handleProtocols: protocols => [...protocols].at(-1)! })
    server.on('connection', socket => socket.on('message', data => {
      if (String(data) === 'bye') socket.close(4001)
      else socket.send(String(data).toUpperCase())
    }))
    t.teardown(() => { for (const socket of server.clients) socket.terminate() })
    const upstream = `http://127.0.0.1:${await listen(t, http)}`
    const { key, cert } = certificate(t, 'localhost')
    const asked: Array<{ version: string, protocol: unknown, credentials: boolean }> = []
    const { port, logged } = await gateway(t, {
      forward: undefined,
      reverse: [{ prefix: '/api', upstream, websocket: true, status: 401 } as never],
      before: app => {
        app.addHook('onRequest', async ({ raw }) => {
          asked.push({ version: raw.httpVersion, protocol: raw.headers[':protocol'], credentials: raw.headers.authorization !== undefined })
        })
      },
      fastify: { http2: true, https: { allowHTTP1: true, key, cert, settings: { enableConnectProtocol: true } } } as never
    })
    const browser = await startConfigured(t, always('DIRECT'))
    t.same(await browser.run(`https://localhost:${port}/api/page`, alice, TALK), ['HELLO', 'b', 4001])
    t.match(asked.filter(({ protocol }) => protocol !== undefined), [{ version: '2.0', protocol: 'websocket', credentials: true }])
    t.match(asked.map(({ version }) => version), asked.map(() => '2.0'))
    await browser.close() // Firefox keeps its side of the stream open for more than a minute otherwise
    t.match(await logged(({ proxy }) => (proxy as { bytesIn?: number } | undefined)?.bytesIn !== 0 && proxy !== undefined), { proxy: { user: 'alice', method: 'GET', status: 200 } })
  })
}
