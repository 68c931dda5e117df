// Node destroys no stream of HTTP/2 that its client has reset with NO_ERROR while some of the response waits for room. The exchange held its
// place among `requests` of a limit, and its connection to the origin, until `bodyTimeout`, also behind the end of the session.

import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'

t.test('a response of HTTP/2 that waits for room, reset with NO_ERROR: its place is free, and nothing is left', async t => {
  const requests: IncomingMessage[] = []
  const target = await origin(t, (request: IncomingMessage, response: ServerResponse) => {
    requests.push(request)
    response.write(Buffer.alloc(10_000_000))
  })
  const gate = await gateway(t, { fastify: { http2: true } as never, limits: [{ requests: 1 }], drainTimeout: 3_600_000 })
  const client = await Http2Client.to(t, gate.url)
  for (let i = 0; i < 2; i++) {
    const stream = client.send({ ':authority': target.authority, ':scheme': 'http', ':path': '/x', 'proxy-authorization': ALICE })
    const [{ ':status': status }] = await once(stream, 'response') as [{ ':status': number }]
    t.equal(status, 200)
    const left = new Promise(resolve => requests[i]!.socket.once('close', resolve))
    stream.destroy()
    await left
  }
  client.session.close()
  await gate.app.close()
})
