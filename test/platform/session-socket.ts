import { createServer } from 'node:http2'
import type { Http2Session } from 'node:http2'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import { sessionSocket } from '../../lib/platform/session-socket.js'
import { Http2Client } from '../fixtures/http2-client.js'

t.test('the socket of a session: it is the one that was accepted', async t => {
  const server = createServer()
  t.teardown(() => { server.close() })
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const begun = once(server, 'session') as Promise<[Http2Session]>
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await Http2Client.to(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [[socket], [session]] = [await accepted, await begun]
  t.equal(sessionSocket(session), socket)
})
