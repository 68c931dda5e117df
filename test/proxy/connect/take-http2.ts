import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { ServerOptions } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { takeConnectStream } from '../../../lib/proxy/connect/take-http2.js'
import { connectOf } from '../../../lib/proxy/connect/connect-request.js'
import type { Connect } from '../../../lib/proxy/connect/connect-request.js'
import { receive } from '../../../lib/proxy/ingress/target-form.js'
import { Http2Client } from '../../fixtures/http2-client.js'
import { until } from '../../fixtures/until.js'

type Routing = (response: ServerResponse, connect: Connect, request: IncomingMessage) => void

/** A server with nothing but the listener, and what takes Fastify's place; a session with it. */
async function lab (t: Test, routing: Routing, options: ServerOptions = {}): Promise<Http2Client> {
  const server = createServer(options, () => {})
  const app = { routing: (request: IncomingMessage, response: ServerResponse) => routing(response, connectOf(request)!, request) }
  server.on('connect', (request, response) => takeConnectStream(app as unknown as FastifyInstance, request as never, response as never))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.close() })
  return await Http2Client.to(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

const CONNECT = { ':method': 'CONNECT', ':authority': 'Origin.test:443' }

t.test('a CONNECT over HTTP/2: it is routed with its target and its stream (R-H2-1, R-H2-2)', async t => {
  const client = await lab(t, (response, connect, request) => {
    t.match(receive(request), { target: { form: 'authority', host: 'origin.test', port: 443 } })
    t.match(connect, { head: Buffer.alloc(0), whenEnded: undefined })
    const stream = connect.open(['X-A', '1', 'x-a', '2'])
    t.equal(stream, connect.client)
    stream.pipe(stream)
    t.equal(response.headersSent, true)
  })
  const stream = client.send(CONNECT, null)
  const [fields] = await once(stream, 'response')
  t.strictSame(Object.entries(fields), [[':status', 200], ['x-a', '1, 2']])
  stream.setEncoding('latin1').end('there and back')
  t.equal((await once(stream, 'data'))[0], 'there and back')
})

t.test('a CONNECT that is not opened: it is refused, whatever its status, and without an interim response (R-CONNECT-4, R-CONNECT-5, R-CONNECT-14)', async t => {
  const rows: Array<[routing: Routing, status: number]> = [
    [response => { response.writeHead(407, { 'Proxy-Authenticate': ['Basic realm="x"', 'Digest realm="x"'] }).end('no') }, 407],
    [response => { response.writeContinue(); response.writeEarlyHints({}); response.setHeader('X-Set', '1'); response.end('no') }, 403],
    [response => { response.write('n'); response.end('o') }, 403]
  ]
  for (const [routing, status] of rows) {
    const client = await lab(t, routing)
    t.match(await client.ask(CONNECT), { status, body: 'no', interim: [], fields: { 'cache-control': 'no-store' } })
  }
})

t.test('trailers on a tunnel: they end it (R-H2-4)', async t => {
  const client = await lab(t, (_response, connect) => { connect.open([]).resume() })
  const stream = client.session.request(CONNECT, { endStream: false, waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-a': '1' }))
  stream.end('x')
  const [error] = await once(stream, 'error')
  t.match(error, { message: /PROTOCOL_ERROR/ })
})

t.test('a client that left before the tunnel opens: it gets nothing', async t => {
  let open = () => {}
  const routed = new Promise<Connect>(resolve => {
    lab(t, (_response, connect) => { open = () => { connect.open([]) }; resolve(connect) }).then(client => {
      const stream = client.send(CONNECT, null)
      routed.then(() => stream.close(8))
    })
  })
  const { client } = await routed
  await once(client, 'close')
  open()
  t.equal((client as { headersSent?: boolean }).headersSent, false)
})

t.test('an extended CONNECT: it opens no tunnel, and gets a 501 (R-XC-1)', async t => {
  const client = await lab(t, () => { t.fail('it was routed') }, { settings: { enableConnectProtocol: true } })
  await until(() => client.session.remoteSettings.enableConnectProtocol === true)
  t.match(await client.ask({ ...CONNECT, ':protocol': 'websocket', ':scheme': 'https', ':path': '/' }), { status: 501, body: '' })
})
