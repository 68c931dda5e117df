import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { markBusy, markGivenBack, mayBeGivenBackAgain, wasGivenBack } from '../../../lib/proxy/ingress/reused-connection.js'

/** As much of a socket as matters: `close` follows `destroy`. */
class FakeSocket extends EventEmitter {
  destroy (): void { this.emit('close') }
}

/** A connection, and a request on it. */
function connection (): { socket: FakeSocket & Socket, request: IncomingMessage } {
  const socket = new FakeSocket() as FakeSocket & Socket
  return { socket, request: { socket } as unknown as IncomingMessage }
}

t.test('a connection given back stays a proxy\'s, whatever comes on it', async t => {
  const { socket, request } = connection()
  t.equal(wasGivenBack(request), false)
  markBusy(request)
  markGivenBack(socket, new Exchanges())
  t.equal(wasGivenBack(request), true)
  markBusy(request)
  t.equal(wasGivenBack(request), true)
})

t.test('it is idle until the next request, each time, and keeps no listener', async t => {
  const { socket, request } = connection()
  const exchanges = new Exchanges()
  for (let round = 0; round < 3; round++) {
    markGivenBack(socket, exchanges)
    t.match([exchanges.size, socket.listenerCount('close')], [1, 1])
    markBusy(request)
    markBusy(request)
    t.match([exchanges.size, socket.listenerCount('close')], [0, 0])
  }
})

t.test('a stopping server ends an idle one and no busy one', async t => {
  const [idle, busy] = [connection(), connection()]
  const exchanges = new Exchanges()
  const closed: string[] = []
  idle.socket.on('close', () => closed.push('idle'))
  busy.socket.on('close', () => closed.push('busy'))
  markGivenBack(idle.socket, exchanges)
  markGivenBack(busy.socket, exchanges)
  markBusy(busy.request)
  await exchanges.drain(2 ** 31 - 1)
  t.strictSame(closed, ['idle'])
})

t.test('one that the client closes is forgotten', async t => {
  const { socket } = connection()
  const exchanges = new Exchanges()
  markGivenBack(socket, exchanges)
  socket.emit('close')
  t.equal(exchanges.size, 0)
})

t.test('one connection is given back so often and no more (S46)', async t => {
  const { socket, request } = connection()
  let times = 0
  for (; mayBeGivenBackAgain(socket) && times < 1_000; times++) {
    markGivenBack(socket, new Exchanges())
    markBusy(request)
  }
  t.equal(times, 256)
})
