import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { markActive, markReused, mayBeReused, isReused } from '../../../lib/proxy/ingress/reused-connection.js'

/** As much of a socket as matters: `close` follows `destroy`. */
class FakeSocket extends EventEmitter {
  destroy (): void { this.emit('close') }
}

/** A connection, and a request on it. */
function connection (): { socket: FakeSocket & Socket, request: IncomingMessage } {
  const socket = new FakeSocket() as FakeSocket & Socket
  return { socket, request: { socket } as unknown as IncomingMessage }
}

t.test('a connection that was given back: it stays with the proxy, whatever comes on it', async t => {
  const { socket, request } = connection()
  t.equal(isReused(request), false)
  markActive(request)
  markReused(socket, new Exchanges())
  t.equal(isReused(request), true)
  markActive(request)
  t.equal(isReused(request), true)
})

t.test('a connection given back several times: it is idle until each next request, and keeps no listener', async t => {
  const { socket, request } = connection()
  const exchanges = new Exchanges()
  for (let round = 0; round < 3; round++) {
    markReused(socket, exchanges)
    t.match([exchanges.size, socket.listenerCount('close')], [1, 1])
    markActive(request)
    markActive(request)
    t.match([exchanges.size, socket.listenerCount('close')], [0, 0])
  }
})

t.test('a server that stops: it ends idle connections and no busy ones', async t => {
  const [idle, busy] = [connection(), connection()]
  const exchanges = new Exchanges()
  const closed: string[] = []
  idle.socket.on('close', () => closed.push('idle'))
  busy.socket.on('close', () => closed.push('busy'))
  markReused(idle.socket, exchanges)
  markReused(busy.socket, exchanges)
  markActive(busy.request)
  await exchanges.drain(2 ** 31 - 1)
  t.strictSame(closed, ['idle'])
})

t.test('a connection that the client closes: it is forgotten', async t => {
  const { socket } = connection()
  const exchanges = new Exchanges()
  markReused(socket, exchanges)
  socket.emit('close')
  t.equal(exchanges.size, 0)
})

t.test('a connection that was given back 256 times: it is not given back again (S46)', async t => {
  const { socket, request } = connection()
  let times = 0
  for (; mayBeReused(socket) && times < 1_000; times++) {
    markReused(socket, new Exchanges())
    markActive(request)
  }
  t.equal(times, 256)
})
