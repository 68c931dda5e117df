import { connect as connectHttp2 } from 'node:http2'
import type { OutgoingHttpHeaders } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { resetWithHandshake } from '../fixtures/reset-with-handshake.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

// Node writes session tickets when the handshake is done. Where that meets a connection that has been reset, node forgets the error: the
// reader is told of an end, and nothing that is written after it is ever through. So a tunnel would stay until it has been idle for too
// long, its target's connection with it.

const RIGHT = `Proxy-Authorization: ${ALICE}`
/** Of which a part is still unread when there is a response. */
const MUCH = 'x'.repeat(300_000)
/** Of an origin, in which the client's reset is there to be seen. */
const TIME = 50

async function connections ({ server }: FastifyInstance): Promise<number> {
  return await new Promise((resolve, reject) => server.getConnections((error, count) => error === null ? resolve(count) : reject(error)))
}

t.test('a TLS client resets its connection together with the end of its handshake and a request: nothing is left of it', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'gateway.test')
  const echo = await tcpOrigin(t)
  const silent = await tcpOrigin(t, socket => { socket.resume() })
  const late = await origin(t, (_request, response) => { setTimeout(() => response.end('late'), TIME) })
  late.server.on('upgrade', (_request, socket) => {
    socket.on('error', () => {}).on('end', () => socket.end()).resume()
    setTimeout(() => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'), TIME)
  })
  const message = (line: string, ...fields: string[]) => [`${line} HTTP/1.1`, 'Host: gateway.test', RIGHT, ...fields, '', ''].join('\r\n')
  const upgrade = ['Connection: Upgrade', 'Upgrade: echo']
  const length = `Content-Length: ${MUCH.length}`
  const overHttp1: Record<string, string> = {
    CONNECT: connectHead(echo.authority, RIGHT),
    'CONNECT to a target that says nothing': connectHead(silent.authority, RIGHT),
    'CONNECT, octets behind it': `${connectHead(echo.authority, RIGHT)}octets`,
    'CONNECT, many octets behind it': connectHead(echo.authority, RIGHT) + MUCH,
    'CONNECT without credentials': connectHead(echo.authority),
    'CONNECT without credentials, many octets behind it': connectHead(echo.authority) + MUCH,
    'absolute-form': message(`GET ${late.url}/`),
    'absolute-form, content': message(`POST ${late.url}/`, length) + MUCH,
    'absolute-form, Upgrade': message(`GET ${late.url}/`, ...upgrade),
    'absolute-form, Upgrade, many octets behind it': message(`GET ${late.url}/`, ...upgrade) + MUCH,
    'origin-form': message('GET /api/'),
    'origin-form, content': message('POST /api/', length) + MUCH,
    'origin-form, Upgrade': message('GET /api/', ...upgrade),
    'origin-form, Upgrade, many octets behind it': message('GET /api/', ...upgrade) + MUCH,
    'a route of the application': 'GET /own HTTP/1.1\r\nHost: x\r\n\r\n',
    'a route of the application, content that it does not read': `POST /own HTTP/1.1\r\nHost: x\r\nContent-Type: text/unread\r\n${length}\r\n\r\n${MUCH}`,
    'a route of the application, Upgrade': `GET /own HTTP/1.1\r\nHost: x\r\n${upgrade.join('\r\n')}\r\n\r\n`,
    'a path without a route, Upgrade': `GET /none HTTP/1.1\r\nHost: x\r\n${upgrade.join('\r\n')}\r\n\r\n`,
    'half a head': 'GET /own HT'
  }
  const overHttp2: Record<string, OutgoingHttpHeaders> = {
    CONNECT: { ':method': 'CONNECT', ':authority': silent.authority },
    forwarded: { ':method': 'GET', ':scheme': 'http', ':authority': late.authority, ':path': '/' },
    reverse: { ':method': 'GET', ':scheme': 'https', ':authority': 'gateway.test', ':path': '/api/' }
  }
  for (const http2 of [false, true]) {
    const fastify = { https: { cert, key, ...(http2 && { allowHTTP1: true }) }, ...(http2 && { http2 }) }
    const gate = await gateway(t, {
      reverse: [{ prefix: '/api', upstream: late.url }],
      fastify: fastify as never,
      after: (app) => {
        app.addContentTypeParser('text/unread', (_request, _content, done) => done(null))
        app.all('/own', async () => 'own')
      }
    })
    let lines = 0
    /** Each has its line when both of its sides are closed. */
    const over = async (text: string) => {
      if (text.includes(RIGHT)) lines += 1
      await until(async () => await connections(gate.app) === 0 && gate.proxied().length === lines)
    }
    const listener = http2 ? 'HTTP/2 and HTTP/1.1' : 'HTTP/1.1'
    for (const [name, text] of Object.entries(overHttp1)) {
      t.test(`${name}, listener for ${listener}`, async t => {
        await resetWithHandshake(gate.port, socket => socket.write(text))
        await over(text)
        t.match(gate.log.filter(({ level }) => Number(level) >= 50), [], 'no error')
      })
    }
    if (!http2) continue
    for (const [name, fields] of Object.entries(overHttp2)) {
      t.test(`${name}, HTTP/2`, async () => {
        await resetWithHandshake(gate.port, socket => {
          const session = connectHttp2('https://gateway.test', { createConnection: () => socket })
          session.on('error', () => {})
          session.request({ ...fields, 'proxy-authorization': ALICE }).on('error', () => {})
        }, 'h2')
        await over(RIGHT)
      })
    }
  }
})
