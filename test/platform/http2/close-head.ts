import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, createServer } from 'node:http2'
import type { Http2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { closeHead } from '../../../lib/platform/http2/close-head.js'
import { Http2Client } from '../../fixtures/http2-client.js'

type Exchange = [IncomingMessage & { stream: Http2Stream }, ServerResponse]

t.test('an HTTP/2 response that ends or is reset, with any method: it is over once', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const client = await Http2Client.to(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  for (const method of ['HEAD', 'GET']) {
    for (const ends of [false, true]) {
      const stream = client.send({ ':method': method })
      const [request, response] = await once(server, 'request') as Exchange
      closeHead(request, response)
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

t.test('a HEAD over HTTP/1.1: there is nothing to do', t => {
  closeHead({ method: 'HEAD' }, {} as never)
  t.end()
})
