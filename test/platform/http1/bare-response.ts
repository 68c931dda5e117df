import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { BareResponse } from '../../../lib/platform/http1/bare-response.js'
import { listenerCounts } from '../../fixtures/listener-counts.js'
import { socketPair } from '../../fixtures/socket-pair.js'

t.test('a response on a bare socket: it is written to the socket, and drains with it', async t => {
  const { near, far } = await socketPair(t)
  const response = new BareResponse(new IncomingMessage(near), near)
  let drained = 0
  response.on('drain', () => { drained += 1 })
  near.emit('drain')
  t.equal(drained, 1)
  response.writeHead(200, { 'content-length': 4 }).end('text')
  t.match(await far.answer(), /^HTTP\/1\.1 200 OK\r\n[^]*text$/)
})

t.test('a socket that is taken from a response: it is a bare one, without listeners of the response', async t => {
  const socket = new Socket()
  const before = listenerCounts(socket)
  const response = new BareResponse(new IncomingMessage(socket), socket)
  t.equal(response.taken, false)
  t.equal(response.take(), socket)
  t.equal(response.taken, true)
  t.equal(socket.allowHalfOpen, true)
  t.equal(response.socket, null)
  t.strictSame(listenerCounts(socket), before)
})

t.test('a listener for the end of the response: it is called at the end of the tunnel', async t => {
  const socket = new Socket()
  const response = new BareResponse(new IncomingMessage(socket), socket)
  response.on('finish', () => {})
  t.equal(response.whenEnded, undefined)
  let finished = 0
  response.on('finish', () => { finished += 1 })
  response.whenEnded!()
  t.equal(finished, 1)
})
