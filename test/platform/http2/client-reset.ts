import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, createServer } from 'node:http2'
import type { Http2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { endWhenReset } from '../../../lib/platform/http2/client-reset.js'
import { Http2Client } from '../../fixtures/http2-client.js'

type Exchange = [IncomingMessage & { stream: Http2Stream }, ServerResponse]

/** Sends a request of that method: both sides of it. */
async function exchanges (t: Test) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const client = await Http2Client.to(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return async (method: string) => {
    const stream = client.send({ ':method': method })
    const [request, response] = await once(server, 'request') as Exchange
    endWhenReset(request.stream, request, response)
    return { stream, request, response }
  }
}

t.test('an HTTP/2 response that ends or is reset, with any method: it is over once', async t => {
  const send = await exchanges(t)
  for (const method of ['HEAD', 'GET']) {
    for (const ends of [false, true]) {
      const { stream, request, response } = await send(method)
      const events: string[] = []
      for (const event of ['finish', 'close']) response.on(event, () => events.push(event))
      const closed = once(request.stream, 'close')
      if (ends) response.end()
      else stream.close(constants.NGHTTP2_CANCEL)
      stream.resume()
      await closed
      await new Promise(resolve => setImmediate(resolve))
      t.strictSame(events, ['finish', 'close'], `${method} ${ends}`)
    }
  }
})

t.test('a response that waits for room, whose stream is reset with any code: it is over', async t => {
  const send = await exchanges(t)
  for (const code of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL]) {
    const { stream, request, response } = await send('GET')
    response.write(Buffer.alloc(1_000_000)) // more than the client has room for
    const closed = once(response, 'close')
    await once(stream, 'response')
    stream.close(code)
    await closed
    t.equal(request.stream.destroyed, true, `${code}`)
  }
})
