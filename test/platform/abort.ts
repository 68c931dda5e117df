import { once } from 'node:events'
import { ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { isFinished, isGone } from '../../lib/platform/message-state.js'
import { resetWithCancel, resetForProtocolError, abortResponse, abort, hasLostPeer, isHttp2Stream, propagateReset, wasReset } from '../../lib/platform/abort.js'
import { socketPair } from '../fixtures/socket-pair.js'
import { streamPair } from '../fixtures/stream-pair.js'
import { socketPath } from '../fixtures/socket-path.js'

const { NGHTTP2_CANCEL, NGHTTP2_CONNECT_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants

t.test('an HTTP/2 stream that is reset: it ends with a code, and without an end before (R-H2-3)', async t => {
  const ways: Array<[way: (side: never) => void, code: number]> = [
    [propagateReset, NGHTTP2_CONNECT_ERROR], [abort, NGHTTP2_CANCEL], [resetForProtocolError, NGHTTP2_PROTOCOL_ERROR]
  ]
  for (const [way, code] of ways) {
    const { near, far } = await streamPair(t)
    near.respond()
    near.write('half')
    await once(far.setEncoding('latin1'), 'data')
    let ended = false
    far.once('end', () => { ended = !far.aborted })
    way(near as never)
    t.equal(near.destroyed, true, 'at once: the reset may never go out')
    await new Promise(resolve => far.once('close', resolve))
    t.match(far, { rstCode: code, aborted: true })
    t.equal(ended, false)
    way(near as never)
  }
})

t.test('a WebSocket over HTTP/2 that is reset: the code is CANCEL (R-XC-1)', async t => {
  const { near, far } = await streamPair(t)
  resetWithCancel(near)
  near.respond()
  near.write('half')
  await once(far.setEncoding('latin1'), 'data')
  propagateReset(near)
  await new Promise(resolve => far.once('close', resolve))
  t.equal(far.rstCode, NGHTTP2_CANCEL)
})

t.test('an HTTP/2 stream that has ended: it is reset all the same', async t => {
  const { near, far } = await streamPair(t)
  near.respond()
  near.resume().end() // unread, node ends it by itself
  await once(far.resume(), 'end')
  propagateReset(near)
  await new Promise(resolve => far.once('close', resolve))
  t.equal(far.rstCode, NGHTTP2_CONNECT_ERROR)
})

t.test('a socket whose end is on its way out: it is closed, and not left open for ever', async t => {
  const { near, far } = await socketPair(t)
  far.socket.resume()
  const ended = once(far.socket, 'end')
  const closed = new Promise(resolve => near.once('close', resolve))
  near.end()
  propagateReset(near)
  await Promise.all([closed, ended])
  t.equal(near.errored, null)
})

t.test('a socket, or a stream of another kind: the socket is reset, the other destroyed', async t => {
  const { near, far } = await socketPair(t)
  const failed = once(far.socket, 'error')
  propagateReset(near)
  t.match(await failed, [{ code: 'ECONNRESET' }])
  const other = new PassThrough()
  propagateReset(other)
  t.equal(other.destroyed, true)
  const dropped = new PassThrough()
  abort(dropped)
  t.equal(dropped.destroyed, true)
})

t.test('a connection that was reset: it has no peer', async t => {
  const { near, far } = await socketPair(t)
  near.on('error', () => {})
  t.equal(hasLostPeer(near), false)
  far.socket.resetAndDestroy()
  while (!hasLostPeer(near)); // node sees it later, and then there is nothing left to ask
  await new Promise(resolve => near.once('close', resolve))
  t.equal(hasLostPeer(near), false, 'nor does one that is destroyed')
})

t.test('a connection that has ended: it still has a peer', async t => {
  const { near, far } = await socketPair(t)
  far.socket.end()
  await once(near.resume(), 'end')
  t.equal(hasLostPeer(near), false)
  near.end()
  await once(near, 'finish')
  t.equal(hasLostPeer(near), false, 'whatever there is, both have said all they had to say')
})

t.test('a Unix socket, or a stream that is no socket: the loss of its peer is not known', async t => {
  const { near } = await socketPair(t, { path: socketPath(t) })
  t.equal(hasLostPeer(near), false)
  t.equal(hasLostPeer(new PassThrough()), false)
})

t.test('a response that cannot be completed: it is cut', async t => {
  const { response, far } = await streamPair(t)
  response.write('half')
  await once(far.setEncoding('latin1'), 'data')
  t.equal(isGone(response), false)
  abortResponse(response)
  t.equal(isGone(response), true)
  t.equal(isFinished(response), false)
  await new Promise(resolve => far.once('close', resolve))
  t.equal(far.rstCode, NGHTTP2_INTERNAL_ERROR)
  const plain = new ServerResponse({} as never)
  t.equal(isGone(plain), false)
  abortResponse(plain)
  t.equal(isGone(plain), true)
})

t.test('HTTP/1.0 is told by a reset that an answer is cut: its end may be that of the connection (R-MSG-4)', async t => {
  for (const [version, code] of [[0, 'ECONNRESET'], [1, undefined]] as const) {
    const { near, far } = await socketPair(t)
    const response = new ServerResponse({ httpVersionMajor: 1, httpVersionMinor: version, headers: {} } as never)
    response.assignSocket(near)
    let error: NodeJS.ErrnoException | undefined
    far.socket.on('error', given => { error = given })
    const closed = new Promise(resolve => { far.socket.on(version === 0 ? 'close' : 'end', resolve) })
    abortResponse(response)
    await closed
    t.equal(error?.code, code)
  }
  const queued = new ServerResponse({ httpVersionMinor: 0, headers: {} } as never)
  abortResponse(queued)
  t.equal(isGone(queued), true)
})

t.test('a pipelined response that is cut: it takes its connection along when its turn comes (R-CONN-7)', async t => {
  const { near, far } = await socketPair(t)
  const response = new ServerResponse({ httpVersionMajor: 1, httpVersionMinor: 1, headers: {} } as never)
  response.write('half')
  abortResponse(response)
  await new Promise(resolve => setImmediate(resolve)) // by then node has told of the end, where it does so at once
  response.assignSocket(near)
  t.equal(await far.end(), '', 'and nothing of it has gone out')
})

t.test('a reset by the other end: it is seen as one, though the reader is told of an end', async t => {
  const { near, response, far } = await streamPair(t)
  t.equal(isHttp2Stream(near), true)
  t.equal(wasReset(near), false)
  near.respond()
  const closed = once(near, 'close')
  far.destroy()
  await closed
  t.equal(wasReset(near), true)
  t.equal(isFinished(response), false)
  t.equal(wasReset(new PassThrough()), false)
})
