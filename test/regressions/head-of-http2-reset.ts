// Node never says `close` of the response to a HEAD of HTTP/2 that is reset before it has ended: the exchange stayed for ever, and
// with it the request to the origin; `app.close()` waited the whole `drainTimeout` for it.

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { constants } from 'node:http2'
import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { until } from '../fixtures/until.js'

const FORMS = {
  'another authority': (authority: string) => ({ ':authority': authority, ':scheme': 'http', ':path': '/x', 'proxy-authorization': ALICE }),
  'a reverse route': () => ({ ':path': '/api/x', 'proxy-authorization': ALICE }),
  'a reverse route that is an origin': () => ({ ':path': '/own/x', authorization: ALICE })
}

for (const [form, fields] of Object.entries(FORMS)) {
  t.test(`a HEAD of HTTP/2 for ${form}, reset before its response: the request to the origin ends, and nothing is left`, async t => {
    const requests: IncomingMessage[] = []
    const target = await origin(t, request => { requests.push(request) })
    const gate = await gateway(t, {
      fastify: { http2: true } as never,
      reverse: [{ prefix: '/api', upstream: target.url }, { prefix: '/own', upstream: target.url, status: 401 }],
      drainTimeout: 3_600_000
    })
    const client = await Http2Client.to(t, gate.url)
    const stream = client.send({ ':method': 'HEAD', ...fields(target.authority) })
    await until(() => requests.length > 0)
    const left = once(requests[0]!.socket, 'close')
    stream.close(constants.NGHTTP2_CANCEL)
    await left
    t.match(await gate.logged(line => line['proxy'] !== undefined), { proxy: { status: 499 } })
    client.session.close()
    await gate.app.close()
  })
}
