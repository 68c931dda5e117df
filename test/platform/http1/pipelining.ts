import { once, EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { afterPreviousResponse, onQueuedClose } from '../../../lib/platform/http1/pipelining.js'
import { listening } from '../../fixtures/listening.js'
import { RawClient } from '../../fixtures/raw-client.js'

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'
const CONNECT = 'CONNECT a.test:1 HTTP/1.1\r\nHost: a.test\r\n\r\n'

/** A server that begins with each CONNECT in its turn, and answers other requests when the test does. */
async function server (t: Test) {
  const server = createServer()
  const responses: ServerResponse[] = []
  const begun: string[] = []
  server.on('request', (_request: IncomingMessage, response: ServerResponse) => { responses.push(response) })
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => {})
    afterPreviousResponse(socket, () => {
      begun.push('begun')
      socket.write('begun')
    })
  })
  const client = await RawClient.to(t, await listening(t, server))
  /** Sends, and waits until the CONNECT has left the parser. */
  const send = async (text: string): Promise<Socket> => {
    client.send(text)
    const [, socket] = await once(server, 'connect') as [IncomingMessage, Socket]
    return socket
  }
  return { client, send, responses, begun, answers: server }
}

t.test('the first request on a connection, and one behind a finished response: begins at once', async t => {
  const first = await server(t)
  await first.send(CONNECT)
  t.strictSame(first.begun, ['begun'])
  const second = await server(t)
  second.answers.on('request', (_request, response: ServerResponse) => { response.end('done') })
  await second.client.send(GET).until(text => text.endsWith('done'))
  await second.send(CONNECT)
  t.strictSame(second.begun, ['begun'])
})

t.test('one that is pipelined: waits for every response before it (F-20)', async t => {
  const { client, send, responses, begun } = await server(t)
  await send(GET + GET + CONNECT)
  responses[0]!.end('1')
  await client.until(text => text.endsWith('1'))
  t.strictSame(begun, [])
  responses[1]!.end('2')
  t.match(await client.until(text => text.includes('begun')), /1HTTP\/1\.1 200 [^]*2begun$/)
})

t.test('one behind a response that is cut, or on a connection that has closed: does not begin (R-CONN-7)', async t => {
  const ends = [
    (response: ServerResponse) => { response.destroy() },
    (_response: ServerResponse, socket: Socket) => { socket.destroy() }
  ]
  for (const end of ends) {
    const { send, responses, begun } = await server(t)
    const socket = await send(GET + CONNECT)
    const closed = once(socket, 'close')
    end(responses[0]!, socket)
    await closed
    t.strictSame(begun, [])
  }
})

t.test('one behind a response that says close: does not begin, whether node closes or not (F-20)', async t => {
  const closes = [
    (response: ServerResponse) => response.setHeader('Connection', 'close'),
    (response: ServerResponse) => Object.assign(response, { maxRequestsOnConnectionReached: true })
  ]
  for (const close of closes) {
    const { client, send, responses, begun } = await server(t)
    await send(GET + CONNECT)
    close(responses[0]!)
    responses[0]!.end('last')
    t.match(await client.end(), /\r\nConnection: close\r\n[^]*last$/)
    t.strictSame(begun, [])
  }
})

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
