import { createServer } from 'node:http2'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { createServer as createPlainServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import t from 'tap'
import { streamOf } from '../../lib/platform/message-stream.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { RawClient } from '../fixtures/raw-client.js'

async function port (server: Server): Promise<number> {
  t.teardown(() => { server.close() })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

t.test('a request and its response over HTTP/2: they are on one stream', async t => {
  const server = createServer()
  const client = await Http2Client.to(t, `http://127.0.0.1:${await port(server)}`)
  const arrived = once(server, 'request') as Promise<[Http2ServerRequest, Http2ServerResponse]>
  client.send({ ':path': '/' })
  const [request, response] = await arrived
  t.equal(streamOf(request), request.stream)
  t.equal(streamOf(response), request.stream)
  response.end()
})

for (const version of ['1.1', '2.0']) {
  t.test(`a request on the wire of HTTP/1.x that says HTTP/${version}: it is on none`, async t => {
    const server = createPlainServer()
    const client = await RawClient.to(t, await port(server))
    const arrived = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>
    client.send(`GET / HTTP/${version}\r\nHost: a.test\r\n\r\n`)
    const [request, response] = await arrived
    t.equal(request.httpVersion, version)
    t.equal(streamOf(request), undefined)
    t.equal(streamOf(response), undefined)
    response.end()
  })
}
