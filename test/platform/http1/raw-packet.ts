import { createServer } from 'node:http'
import { inspect } from 'node:util'
import t from 'tap'
import { concealRawPackets } from '../../../lib/platform/http1/raw-packet.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'

t.test('a packet that could not be parsed: it is not shown with the error, and is there if asked for (R-SEC-1)', async t => {
  const server = createServer()
  const error = new Promise<Error & { rawPacket: Buffer }>(resolve => server.on('clientError', (error: Error & { rawPacket: Buffer }, socket) => {
    socket.destroy()
    resolve(error)
  }))
  concealRawPackets(server)
  const client = await RawClient.to(t, await listen(t, server))
  client.send('GET / HTTP/1.1\r\nProxy-Authorization: Basic canary\r\nX\x01: y\r\n\r\n')
  const { rawPacket, ...shown } = await error
  t.match(String(rawPacket), 'canary')
  t.notOk(Object.keys(await error).includes('rawPacket'))
  t.match(shown, { code: /^HPE_/ })
  t.notMatch(inspect(await error), 'rawPacket')
})

t.test('an error without a packet, and a second call: the error is left alone, and one listener is enough', async t => {
  const server = createServer()
  concealRawPackets(server)
  concealRawPackets(server)
  t.equal(server.listenerCount('clientError'), 1)
  const error = new Error('reset')
  server.emit('clientError', error, undefined as never)
  t.notOk('rawPacket' in error)
})
