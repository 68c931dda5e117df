import { EventEmitter } from 'node:events'
import t from 'tap'
import { onQueuedClose } from '../../../lib/platform/http1/queued-response.js'

function queued (destroyed = false) {
  const socket = Object.assign(new EventEmitter(), { destroyed })
  const response = Object.assign(new EventEmitter(), { destroyed: false, destroy () { response.destroyed = true } })
  const state = { left: 0 }
  onQueuedClose({ socket } as never, response as never, () => { state.left += 1 })
  return { socket, response, state }
}

t.test('a connection that closes: the response that waits for its turn ends with it', async t => {
  const { socket, response, state } = queued()
  t.equal(state.left, 0)
  socket.emit('close')
  t.strictSame([state.left, response.destroyed], [1, true])
})

t.test('a connection that has closed already: the response that waits for its turn ends at once', async t => {
  const { socket, response, state } = queued(true)
  t.strictSame([state.left, response.destroyed], [1, true])
  t.equal(socket.listenerCount('close'), 0)
})

t.test('a queued response whose turn has come: it is like any other', async t => {
  const { socket, response } = queued()
  response.emit('socket')
  t.equal(socket.listenerCount('close'), 0)
})

t.test('a client that pipelines more than ten requests: node does not warn', async t => {
  t.equal(queued().socket.getMaxListeners(), 0)
})
