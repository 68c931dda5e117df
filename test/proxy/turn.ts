import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { inTurn, noteAnswers } from '../../lib/proxy/turn.js'

const server = createServer()
noteAnswers(server)
noteAnswers(server)

/** As much as matters of an answer on a connection. */
function answerOn (socket: object, writableFinished: boolean): EventEmitter & { writableFinished: boolean } {
  const response = Object.assign(new EventEmitter(), { writableFinished })
  server.emit('request', { socket }, response)
  return response
}

t.test('it is at once the turn of the first on a connection, and of one behind a finished answer', async t => {
  for (const before of [false, true]) {
    const socket = { destroyed: false }
    if (before) answerOn(socket, true)
    let begun = 0
    inTurn(socket as Socket, () => { begun += 1 })
    t.equal(begun, 1)
  }
})

t.test('one that is pipelined waits for the answer before it, and for nothing on a connection that has closed', async t => {
  const socket = { destroyed: false }
  const response = answerOn(socket, false)
  let begun = 0
  inTurn(socket as Socket, () => { begun += 1 })
  t.equal(begun, 0)
  response.writableFinished = true
  response.emit('close')
  t.equal(begun, 1)
  const next = answerOn(socket, false)
  inTurn(socket as Socket, () => { begun += 1 })
  socket.destroyed = next.writableFinished = true
  next.emit('close')
  t.equal(begun, 1)
})

t.test('nor behind an answer that is cut, since its connection closes when its turn comes (R-CONN-7)', async t => {
  const socket = { destroyed: false, destroy () { this.destroyed = true } }
  const response = answerOn(socket, false)
  inTurn(socket as never, () => t.fail('it has begun'))
  response.emit('close')
  t.ok(socket.destroyed, 'at the latest then')
})

t.test('each server is listened to once', async t => { t.equal(server.listenerCount('request'), 1) })
