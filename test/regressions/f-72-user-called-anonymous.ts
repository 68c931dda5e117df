// A user with the name of those who come without credentials would be taken for one of them, by limits, logs and upstreams.
import t from 'tap'
import { BasicStrategy, verifyStatic } from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

t.test('a user with the name of anonymous access: 403, wherever there is such access (F-72)', async t => {
  const target = await origin(t)
  for (const [anonymous, reserved] of [[{}, 'anonymous'], [{ name: 'guest' }, 'guest'], [undefined, null]] as const) {
    const strategies = [new BasicStrategy({ verify: verifyStatic({ anonymous: 'a', guest: 'a' }) })]
    const gate = await gateway(t, { strategies, ...(anonymous !== undefined && { anonymous }), reverse: [{ prefix: '/api', upstream: target.url }] })
    for (const name of ['anonymous', 'guest']) {
      const field = `Proxy-Authorization: Basic ${Buffer.from(`${name}:a`).toString('base64')}`
      const rows = [`GET /api/x HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`, `GET ${target.url}/ HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`, connectHead(target.authority, field)]
      for (const request of rows) {
        const client = await RawClient.to(t, gate.port)
        const text = await client.send(request).answer()
        client.socket.destroy()
        t.equal(text.slice(9, 12), name === reserved ? '403' : '200', `${name} where ${reserved} is reserved`)
      }
    }
  }
})
