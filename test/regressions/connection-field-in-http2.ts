// A malformed request of HTTP/2 on a reverse route: the 400 was written with `Connection: close`, of which node warns on stderr.

import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'

t.test('a malformed request of HTTP/2 on any route: 400 without a warning of the process', async t => {
  const warnings: string[] = []
  const warned = ({ message }: Error): void => { warnings.push(message) }
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const gate = await gateway(t, { fastify: { http2: true } as never, reverse: [{ prefix: '/api', upstream: 'http://127.0.0.1:1' }] })
  const client = await Http2Client.to(t, gate.url)
  for (const fields of [{ ':authority': `127.0.0.1:${gate.port}`, ':path': '/api/x', host: 'other.test' }, { ':authority': 'a.test', ':path': '/x', host: 'other.test' }]) {
    const stream = client.send({ ...fields, 'proxy-authorization': ALICE })
    const status = await new Promise(resolve => stream.once('response', ({ ':status': status }) => resolve(status)))
    t.equal(status, 400)
    stream.resume()
  }
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(warnings, [])
})
