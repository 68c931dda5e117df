import { createServer } from 'node:http2'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { ServerResponse, createServer as createPlainServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { Readable } from 'node:stream'
import t from 'tap'
import Fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import {
  streamOf, isInjected, hasBegun, isGone, isFinished, announcedLength, announcesContent
} from '../../lib/platform/message-state.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { RawClient } from '../fixtures/raw-client.js'
import { streamPair } from '../fixtures/stream-pair.js'

async function port (server: Server): Promise<number> {
  t.teardown(() => { server.close() })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

t.test('a request and its response over HTTP/2: they are on one stream', async t => {
  const server = createServer()
  const client = await Http2Client.to(t, `http://127.0.0.1:${await port(server)}`)
  const arrived = once(server, 'request') as Promise<[Http2ServerRequest, Http2ServerResponse]>
  client.send({ ':path': '/' })
  const [request, response] = await arrived
  t.equal(streamOf(request), request.stream)
  t.equal(streamOf(response), request.stream)
  response.end()
})

for (const version of ['1.1', '2.0']) {
  t.test(`a request on the wire of HTTP/1.x that says HTTP/${version}: it is on none`, async t => {
    const server = createPlainServer()
    const client = await RawClient.to(t, await port(server))
    const arrived = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>
    client.send(`GET / HTTP/${version}\r\nHost: a.test\r\n\r\n`)
    const [request, response] = await arrived
    t.equal(request.httpVersion, version)
    t.equal(streamOf(request), undefined)
    t.equal(streamOf(response), undefined)
    response.end()
  })
}

t.test('a message of app.inject(): it is told from one that came over a connection', async t => {
  const app = Fastify()
  t.teardown(async () => await app.close())
  app.get('/', async ({ raw }, reply) => [isInjected(raw), isInjected(reply.raw)])
  t.same((await app.inject('/')).json(), [true, true])
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.same(await (await fetch(url)).json(), [false, false])
})

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

t.test('a response whose connection or stream is closed: its client has gone', async t => {
  const { near, response } = await streamPair(t)
  t.equal(isGone(response), false)
  near.close()
  t.equal(isGone(response), true)
  const plain = new ServerResponse({} as never)
  t.equal(isGone(plain), false)
  plain.destroy()
  t.equal(isGone(plain), true)
})

t.test('a response whose stream was reset: it is not finished, whatever node says', async t => {
  const { near, response, far } = await streamPair(t)
  near.respond()
  const closed = once(near, 'close')
  far.destroy()
  await closed
  t.equal(response.writableFinished, true, 'is the workaround still needed?')
  t.equal(isFinished(response), false)
})

t.test('a response that went out as a whole: it is known to be finished', async t => {
  const { near, request, response, far } = await streamPair(t)
  t.equal(streamOf(request), near)
  t.equal(isFinished(response), false)
  const closed = once(response, 'close')
  response.end('all')
  far.end()
  far.resume()
  request.resume()
  await closed
  t.equal(isFinished(response), true)
})

t.test('a response of app.inject(): it is finished as soon as it has ended (F-3)', async t => {
  const app = Fastify()
  const finished: boolean[] = []
  app.get('/', (_request, reply) => {
    t.equal(isInjected(reply.raw), true)
    finished.push(isFinished(reply.raw))
    reply.raw.once('close', () => finished.push(isFinished(reply.raw)))
    return 'here'
  })
  await app.inject('/')
  await app.close()
  t.strictSame(finished, [false, true])
})

t.test('a length above zero or a transfer coding: it announces content', async t => {
  for (const headers of [{ 'content-length': '3' }, { 'transfer-encoding': 'chunked' }]) t.equal(announcesContent({ headers }), true)
  for (const headers of [{}, { 'content-length': '00' }]) t.equal(announcesContent({ headers }), false)
})

t.test('the announced length: it is zero without content, and infinite for content in chunks', async t => {
  const lengths = [{}, { 'content-length': '3' }, { 'content-length': '3', 'transfer-encoding': 'chunked' }].map(headers => announcedLength({ headers }))
  t.strictSame(lengths, [0, 3, Infinity])
})
