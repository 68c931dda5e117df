import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, createServer } from 'node:http2'
import type { Http2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { destroyWhenReset } from '../../../lib/platform/http2/reset-without-error.js'
import { Http2Client } from '../../fixtures/http2-client.js'

type Exchange = [IncomingMessage & { stream: Http2Stream }, ServerResponse]

t.test('a response that waits for room, whose stream is reset with any code: it is over', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const client = await Http2Client.to(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  for (const code of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL]) {
    const stream = client.send({ ':method': 'GET' })
    const [request, response] = await once(server, 'request') as Exchange
    destroyWhenReset(request)
    response.write(Buffer.alloc(1_000_000)) // more than the client has room for
    const closed = once(response, 'close')
    await once(stream, 'response')
    stream.close(code)
    await closed
    t.equal(request.stream.destroyed, true, `${code}`)
  }
})

t.test('a request over HTTP/1.1: there is nothing to do', t => {
  destroyWhenReset({} as never)
  t.end()
})
