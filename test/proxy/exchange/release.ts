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

t.test('a request that is through, or never will be: its exchange is off the list at once', async t => {
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

t.test('a request under way: its exchange is off when it or its connection closes, and no listener stays', async t => {
  for (const which of ['request', 'socket'] as const) {
    const { request, socket, exchanges } = answered()
    t.equal(exchanges.size, 1)
    ;(which === 'request' ? request : socket).emit('close')
    t.equal(exchanges.size, 0, which)
    t.equal(request.destroyed, which === 'socket', 'nobody waits for the rest')
    t.strictSame([listenerCounts(request), listenerCounts(socket)], [{}, {}])
  }
})

t.test('a request over HTTP/2: its exchange is off when its stream closes, and its connection is not watched', async t => {
  const { request, socket, exchanges } = answered({ stream: {} })
  t.strictSame(listenerCounts(socket), {})
  request.emit('close')
  t.equal(exchanges.size, 0)
})
