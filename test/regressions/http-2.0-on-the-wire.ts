import t from 'tap'
import { gateway } from '../fixtures/gateway.js'
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
