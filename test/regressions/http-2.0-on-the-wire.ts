import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

// node's parser takes `HTTP/2.0` in a request line. Taken for a request of HTTP/2, its socket was used as a response,
// which threw in an event listener: anybody could end the process without credentials.
for (const version of ['2.0', '0.9']) {
  t.test(`HTTP/${version} in a request line is answered (R-TGT-9)`, async t => {
    const { port } = await gateway(t)
    for (const line of ['CONNECT origin.test:443', 'GET http://origin.test/']) {
      const client = await RawClient.to(t, port)
      t.match(await client.send(`${line} HTTP/${version}\r\nHost: origin.test\r\n\r\n`).answer(), /^HTTP\/1\.1 4\d\d /)
    }
  })
}

// Of such a request nobody can tell where it ends: 0.9 has no fields. Where it asked to keep the connection, what stood behind it
// was served.
t.test('a request of a version that is not served, which asks to keep the connection: 400, and nothing behind it is served', async t => {
  const { authority, seen } = await origin(t)
  const { port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: `http://${authority}` }] })
  const next = `GET http://${authority}/ HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${ALICE}\r\n\r\n`
  for (const version of [' HTTP/2.0', ' HTTP/0.9', '']) {
    for (const line of [`CONNECT ${authority}`, `GET http://${authority}/`, 'GET /api/']) {
      for (const field of ['Connection', 'Proxy-Connection']) {
        const client = await RawClient.to(t, port)
        const text = await client.send(`${line}${version}\r\nHost: a\r\n${field}: keep-alive\r\nProxy-Authorization: ${ALICE}\r\n\r\n${next}`).end()
        t.match(text, /^HTTP\/1\.1 400 [^]*\r\nConnection: close\r\n/i, line + version)
        t.equal(text.match(/HTTP\/1\.1 /g)?.length, 1)
      }
    }
  }
  t.strictSame(seen, [])
})
