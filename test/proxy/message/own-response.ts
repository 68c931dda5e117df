import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { sendOwn } from '../../../lib/proxy/message/own-response.js'
import { RawClient } from '../../fixtures/raw-client.js'

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown

/** What an app with one proxy route answers by itself, its `onRequest` hook having had its way. */
async function answerOf (t: Test, hook: Handler, handler: Handler): Promise<string> {
  const app = Fastify()
  app.addHook('onRequest', async (request, reply) => { await hook(request, reply) })
  app.get('/', { onSend: sendOwn }, async (request, reply) => await handler(request, reply))
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
  return (await client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n').end()).replace(/^date: .*GMT\r\n/im, '')
}

t.test('an own response to which hooks have added fields: it goes out without them', async t => {
  const text = await answerOf(t, (_request, reply) => {
    reply.raw.setHeader('X-Raw', '1')
    reply.headers({ 'set-cookie': 'a=1', location: '/login', 'x-frame-options': 'DENY', 'cache-control': 'public, max-age=60', date: 'never' })
  }, (_request, reply) => reply.code(407).headers({ 'proxy-authenticate': ['Basic realm="a"', 'Bearer realm="a"'], 'retry-after': 3 }).send('no'))
  t.equal(text, 'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="a"\r\nProxy-Authenticate: Bearer realm="a"\r\n' +
    'Retry-After: 3\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
})

t.test('Cache-Control of an own response: it stays', async t => {
  t.match(await answerOf(t, () => {}, (_request, reply) => reply.header('cache-control', 'no-store').send('')), /\r\nCache-Control: no-store\r\n/)
})
