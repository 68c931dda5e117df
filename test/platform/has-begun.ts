import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import Fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import { hasBegun } from '../../lib/platform/has-begun.js'
import { RawClient } from '../fixtures/raw-client.js'

t.test('a reply at each moment: it has begun with the head of a stream, of which Fastify says late that it is sent, and where it is hijacked', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const content = new Readable({ read () {} })
  const replies: FastifyReply[] = []
  app.get('/', (_request, reply) => {
    replies.push(reply)
    t.notOk(hasBegun(reply))
    if (replies.length === 2) reply.hijack().raw.end()
    else reply.send(content)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
  content.push('one')
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').until(text => text.includes('one'))
  t.ok(hasBegun(replies[0]!))
  t.notOk(replies[0]!.sent, 'is the workaround still needed?')
  content.push(null)
  await client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n').end()
  t.ok(hasBegun(replies[1]!))
})
