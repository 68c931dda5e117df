import { EventEmitter } from 'node:events'
import t from 'tap'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { deleteWhenRequestEnds } from '../../../lib/proxy/exchange/release.js'
import { listenerCounts } from '../../fixtures/listener-counts.js'

/** A request whose answer is through, and what is on the list. */
function answered (state: Record<string, unknown> = {}) {
  const socket = Object.assign(new EventEmitter(), { destroyed: false })
  const request = Object.assign(new EventEmitter(), { complete: false, destroyed: false, socket, destroy () { request.destroyed = true }, ...state })
  const exchanges = new Exchanges()
  const exchange = { end () {} }
  exchanges.add(exchange)
  deleteWhenRequestEnds(exchanges, exchange, request as never)
  return { socket, request, exchanges }
}

t.test('what is through, or will never be, is off at once', async t => {
  for (const state of [{ complete: true }, { destroyed: true }, { socket: Object.assign(new EventEmitter(), { destroyed: true }) }]) {
    const { request, exchanges } = answered(state)
    t.equal(exchanges.size, 0)
    t.strictSame([listenerCounts(request), listenerCounts(request.socket)], [{}, {}])
    t.equal(request.destroyed, !request.complete, 'nobody waits for the rest')
  }
})

t.test('a request of app.inject() that nobody has read: off at once (F-3)', async t => {
  t.equal(answered({ isLightMyRequest: true }).exchanges.size, 0)
})

t.test('else when the request closes, or its connection, and no listener stays', async t => {
  for (const which of ['request', 'socket'] as const) {
    const { request, socket, exchanges } = answered()
    t.equal(exchanges.size, 1)
    ;(which === 'request' ? request : socket).emit('close')
    t.equal(exchanges.size, 0, which)
    t.equal(request.destroyed, which === 'socket', 'nobody waits for the rest')
    t.strictSame([listenerCounts(request), listenerCounts(socket)], [{}, {}])
  }
})

t.test('a request of HTTP/2 closes with its stream, and the connection is not its own', async t => {
  const { request, socket, exchanges } = answered({ stream: {} })
  t.strictSame(listenerCounts(socket), {})
  request.emit('close')
  t.equal(exchanges.size, 0)
})
