import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

// More than the buffers of both sides hold, so that the response has to wait for the client.
const LARGE = 'x'.repeat(12_000_000)

t.test('a request for which node hands the connection over, pipelined behind a large response: both responses come whole (F-74)', async t => {
  const { url, authority } = await origin(t, (_request, response) => { response.end(LARGE) })
  const { port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: url }], before: app => app.get('/own', async () => LARGE) })
  const credentials = `Host: a\r\nProxy-Authorization: ${ALICE}\r\n`
  const offer = 'Connection: Upgrade\r\nUpgrade: h2c\r\n'
  const firsts = [
    `GET ${url}/x HTTP/1.1\r\n${credentials}\r\n`,
    `POST ${url}/x HTTP/1.1\r\n${credentials}${offer}Content-Length: 5\r\n\r\nhello`,
    `GET /api/x HTTP/1.1\r\n${credentials}\r\n`,
    'GET /own HTTP/1.1\r\nHost: a\r\n\r\n'
  ]
  const seconds: Array<[text: string, status: RegExp]> = [
    [`CONNECT ${authority} HTTP/1.1\r\nHost: a\r\n\r\n`, /^HTTP\/1\.1 407 /],
    [`GET /nowhere HTTP/1.1\r\nHost: a\r\n${offer}\r\n`, /^HTTP\/1\.1 404 /],
    ['GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n', /^HTTP\/1\.1 404 /]
  ]
  for (const first of firsts) {
    for (const [second, status] of seconds) {
      const client = await RawClient.to(t, port)
      client.send(first + second)
      const large = await client.until(text => text.length > LARGE.length && text.includes('\r\n\r\n', LARGE.length))
      t.match(large, /^HTTP\/1\.1 200 /)
      t.match(large.slice(large.lastIndexOf('HTTP/1.1 ')), status, `${first.split(' HTTP')[0]}, ${second.split(' HTTP')[0]}`)
      client.socket.destroy()
    }
  }
})
