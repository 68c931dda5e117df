import { once } from 'node:events'
import t from 'tap'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { closeBehind } from '../../../lib/platform/http1/close-behind.js'
import { Http2Client } from '../../fixtures/http2-client.js'

for (const http2 of [false, true]) {
  t.test(`a response of HTTP/${http2 ? '2' : '1.1'} ${http2 ? 'has no field that closes the connection' : 'closes the connection'}`, async t => {
    const app = Fastify({ http2 } as never) as unknown as FastifyInstance
    app.get('/', (_request, reply) => {
      closeBehind(reply)
      reply.send('x')
    })
    t.teardown(() => app.close())
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    let warned = false
    const warning = (): void => { warned = true }
    process.on('warning', warning)
    t.teardown(() => process.off('warning', warning))
    if (http2) {
      const client = await Http2Client.to(t, url)
      const stream = client.send({ ':path': '/' })
      const [fields] = await once(stream, 'response') as [Record<string, unknown>]
      t.match(fields, { ':status': 200, connection: undefined })
      stream.resume()
      await once(stream, 'close')
      client.session.close()
    } else t.equal((await fetch(url)).headers.get('connection'), 'close')
    await new Promise(resolve => setImmediate(resolve))
    t.notOk(warned)
  })
}
