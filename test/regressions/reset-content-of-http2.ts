// To a client of HTTP/2 node sends no content with a 205, but the origin's Content-Length went out: the client took the response for
// malformed (RFC 9113, 8.1.1) and reset the stream.

import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { scriptedOrigin } from '../fixtures/scripted-origin.js'

t.test('a 205 with content, to a client of HTTP/2: 205 without content or a length', async t => {
  const { port } = await scriptedOrigin(t, { '/x': 'HTTP/1.1 205 Reset Content\r\nContent-Length: 7\r\n\r\ncontent' })
  const gate = await gateway(t, { fastify: { http2: true } as never, reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${port}` }] })
  const client = await Http2Client.to(t, gate.url)
  for (const fields of [{ ':path': '/api/x' }, { ':authority': `127.0.0.1:${port}`, ':scheme': 'http', ':path': '/x' }]) {
    const response = await client.ask({ ...fields, 'proxy-authorization': ALICE })
    t.match(response, { status: 205, body: '', rstCode: 0 })
    t.equal(response.fields['content-length'], undefined)
  }
})
