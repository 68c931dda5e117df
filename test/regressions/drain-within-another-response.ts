// A client pipelines two requests and takes nothing of the first response. Node tells the first of room to write while the second is
// being written, which is while undici parses it: undici does not stand to be told to go on there.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { until } from '../fixtures/until.js'

const CHUNK = 'x'.repeat(65_536)
const CHUNKS = 200

for (const form of ['forward', 'reverse'] as const) {
  t.test(`${form}: the second response of a pipeline comes while the first waits for the client: both arrive whole`, async t => {
    let stuck = false
    const large = await rawOrigin(t, socket => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${CHUNK.length * CHUNKS}\r\n\r\n`)
      let left = CHUNKS
      const more = () => {
        while (left > 0) {
          left -= 1
          if (!socket.write(CHUNK)) {
            const before = left
            setTimeout(() => { if (left === before) stuck = true }, 50)
            return socket.once('drain', more)
          }
        }
      }
      more()
    })
    let asked: Socket | undefined
    const small = await rawOrigin(t, socket => { asked = socket })
    const gate = await gateway(t, { reverse: [{ prefix: '/large', upstream: large.url }, { prefix: '/small', upstream: small.url }] })
    const targets = form === 'forward' ? [`${large.url}/`, `${small.url}/`] : ['/large/', '/small/']
    const client = await RawClient.to(t, gate.port)
    client.socket.pause()
    client.send(targets.map(target => `GET ${target} HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).join(''))
    await until(() => stuck && asked !== undefined)
    const parsed = once(asked!, 'close')
    asked!.end(`HTTP/1.1 200 OK\r\nContent-Length: 2000\r\nConnection: close\r\n\r\n${'y'.repeat(2000)}`)
    await parsed
    client.socket.resume()
    const text = await client.until(text => text.endsWith('y'.repeat(2000)))
    t.equal(text.replace(/[^x]/g, '').length, CHUNK.length * CHUNKS)
    t.strictSame(gate.log.filter(line => (line as { msg: string }).msg === 'a listener failed'), [])
  })
}
