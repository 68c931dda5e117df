import { Socket } from 'node:net'
import t from 'tap'
import { catchSocketErrors } from '../../../lib/platform/http1/detached-socket.js'
import { ALICE, gateway } from '../../fixtures/gateway.js'
import { origin } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { BasicStrategy } from '../../../lib/index.js'

t.test('a guarded socket that fails: it is destroyed, and has one listener only', async t => {
  const socket = new Socket()
  catchSocketErrors(socket)
  catchSocketErrors(socket)
  t.equal(socket.listenerCount('error'), 1)
  socket.emit('error', new Error('reset'))
  t.ok(socket.destroyed)
})

t.test('clients that reset an Upgrade during the verdict: the server goes on (R-UPG-1)', async t => {
  const upstream = await origin(t)
  let tell = () => {}
  let decide = () => {}
  const verify = () => new Promise<null>(resolve => {
    decide = () => resolve(null)
    tell()
  })
  const strategies = [new BasicStrategy({ verify })]
  const { app, port } = await gateway(t, { strategies, reverse: [{ prefix: '/ws', upstream: upstream.url, websocket: true }] })
  for (let i = 0; i < 20; i++) {
    const asked = new Promise<void>(resolve => { tell = resolve })
    const closed = new Promise(resolve => app.server.once('connection', socket => socket.once('close', resolve)))
    const client = await RawClient.to(t, port)
    client.send(`GET /ws/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
    await asked
    client.socket.resetAndDestroy()
    await closed
    decide()
  }
  tell = () => { decide() }
  const last = await RawClient.to(t, port)
  last.send(`GET http://a.test/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`)
  t.match(await last.end(), /^HTTP\/1\.1 407 /, 'the server goes on')
})
