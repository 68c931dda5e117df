// An origin's `Transfer-Encoding: chunked` in two lines says that chunked was applied twice, which is no framing (RFC 9112, 6.1). It
// was refused on reverse routes and relayed by the forward proxy.

import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { scriptedOrigin } from '../fixtures/scripted-origin.js'

const LINE = 'Transfer-Encoding: chunked\r\n'

t.test('an origin that names chunked in two lines: 502 in every form, and 200 for one', async t => {
  const script = (lines: string): string => `HTTP/1.1 200 OK\r\n${lines}\r\n1\r\na\r\n0\r\n\r\n`
  const { port } = await scriptedOrigin(t, { '/once': script(LINE), '/twice': script(LINE + LINE) })
  const gate = await gateway(t, { reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${port}` }] })
  for (const [path, status] of [['/once', '200'], ['/twice', '502']] as const) {
    for (const target of [`http://127.0.0.1:${port}${path}`, `/api${path}`]) {
      const client = await RawClient.to(t, gate.port)
      client.send(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`)
      t.equal((await client.until(() => false)).slice(9, 12), status, target)
    }
  }
})
