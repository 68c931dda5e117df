import { createServer as createHttps } from 'node:https'
import { createServer } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { resumeParsing } from '../../../lib/platform/http1/resume-parsing.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { readAnswer } from '../../fixtures/read-answer.js'

const CONNECT = 'CONNECT a.test:1 HTTP/1.1\r\nHost: x\r\n\r\n'
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

t.test('a socket given back, on every kind of server: node parses on, and listeners of the application are not told (R-NODE-5)', { skip: openssl.skip }, async t => {
  const tls = certificate(t, 'localhost')
  const servers = { http: createServer(), https: createHttps(tls), http2: createSecureServer({ ...tls, allowHTTP1: true }) } as unknown as Record<string, Server>
  for (const [name, server] of Object.entries(servers)) {
    const event = name === 'http' ? 'connection' : 'secureConnection'
    let connections = 0
    server.prependListener(event, () => { connections += 1 })
    server.on('request', (_request, response) => { response.end('parsed') })
    server.on('connect', (_request, socket, head) => {
      socket.unshift(head)
      resumeParsing(server, socket as Socket)
    })
    server.closeAllConnections ??= () => {} // one of HTTP/2 has none
    const port = await listen(t, server)
    const client = name === 'http' ? await RawClient.to(t, port) : await RawClient.toTls(t, port, { ca: tls.cert, servername: 'localhost' })
    for (let i = 0; i < 3; i++) t.match(readAnswer(await client.send(CONNECT).send(GET).answer()), { status: 200, body: /parsed/ }, name)
    t.equal(connections, 1, name)
    client.socket.destroy()
  }
})

t.test('a server that has none of the listeners of node: all other listeners are told', async t => {
  const server = createServer()
  const told: unknown[] = []
  server.on('secureConnection', socket => told.push(socket))
  const socket = { encrypted: true } as unknown as Socket
  resumeParsing(server, socket)
  t.strictSame(told, [socket])
})
