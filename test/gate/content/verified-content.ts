import { PassThrough } from 'node:stream'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { addContentHooks, coveredContent, hashesOfNothing, hashesToRead, readCovered } from '../../../lib/gate/content/verified-content.js'
import { ContentKeeper } from '../../../lib/gate/content/buffered-content.js'
import type { AttemptInput } from '../../../lib/passport/attempt-input.js'
import { expectContinue } from '../../../lib/proxy/ingress/expect-continue.js'
import { admitOptions } from '../../fixtures/admit-options.js'
import { Covering, covering, md5 } from '../../fixtures/covering.js'
import { openFiles } from '../../fixtures/open-files.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { until } from '../../fixtures/until.js'

type SetUp = (app: FastifyInstance) => unknown
const { chain, keeper } = admitOptions([new Covering()], { most: 100_000 })

/** An application with one route whose `onRequest` reads what the credentials cover, and clients of it. */
async function behind (t: Test, route: (request: FastifyRequest, reply: FastifyReply) => unknown, before: SetUp = () => {}, after: SetUp = () => {}) {
  const app = Fastify({ bodyLimit: 1_000_000 })
  t.teardown(() => app.close())
  await before(app)
  addContentHooks(app)
  await after(app)
  const seen: unknown[] = []
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    const { raw, headers, ip, url } = request
    const attempt: AttemptInput = { raw, credentials: headers['proxy-authorization'] as string, url, ip }
    const names = hashesToRead(request, chain, attempt)
    seen.push(names.length === 0 ? undefined : await readCovered(request, reply, names, keeper))
  }
  app.all('/', { onRequest }, async (request, reply) => await route(request, reply))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  return { app, seen, client: async () => await RawClient.to(t, port) }
}

function message (method: string, credentials: string, content: string, fields: string[] = []): string {
  const lines = [`${method} / HTTP/1.1`, 'Host: a.test', `Proxy-Authorization: ${credentials}`, 'Content-Type: text/plain', ...fields]
  return [...lines, ...fields.some(field => /^transfer/i.test(field)) ? [] : [`Content-Length: ${content.length}`], '', content].join('\r\n')
}

t.test('content that was read for the verdict: the parser gets it, whatever its size', async t => {
  const { seen, client } = await behind(t, ({ body }) => md5(body as string))
  const one = await client()
  for (const content of ['abc', 'x'.repeat(90_000)]) {
    t.match(await one.send(message('POST', covering(content), content)).answer(), new RegExp(`200 OK[^]*${md5(content)}$`))
    t.same(seen.pop(), { md5: md5(content) })
  }
})

t.test('credentials that need no hash, or no content: nothing is read, and nothing is kept', async t => {
  const { seen, client } = await behind(t, request => String(coveredContent(request)))
  const one = await client()
  for (const text of [message('POST', 'Cover nothing', 'abc'), message('POST', 'Basic x', 'abc'), message('GET', covering(''), '')]) {
    t.match(await one.send(text).answer(), /200 OK[^]*undefined$/)
    t.equal(seen.pop(), undefined)
  }
  // what follows it is no content, and its method might have some
  const connect = { raw: { headers: { ':protocol': 'websocket' }, method: 'GET', httpVersionMajor: 2 } } as never as FastifyRequest
  const attempt = (credentials: string) => ({ raw: connect.raw, credentials, url: '/', ip: '' }) as AttemptInput
  t.same(hashesOfNothing(connect, hashesToRead(connect, chain, attempt(covering('')))), { md5: md5('') })
  t.same(hashesToRead(connect, chain, attempt('Cover nothing')), [])
  const post = { raw: { headers: {}, method: 'POST', httpVersionMajor: 2 } } as never as FastifyRequest
  t.equal(hashesOfNothing(post, ['md5']), undefined, 'of what may have content, nothing is known before it is read')
  t.match(await one.send(message('POST', covering(''), '0\r\n\r\n', ['Transfer-Encoding: chunked'])).answer(), /200 OK[^]*object/, 'but chunks of none')
  t.same(seen.pop(), { md5: md5('') })
})

t.test('a route that parses nothing: it opens the content itself', async t => {
  const { client } = await behind(t, async request => {
    const chunks: string[] = []
    for await (const chunk of coveredContent(request)!.open()) chunks.push(String(chunk))
    return `${request.body} ${chunks.join()}`
  })
  t.match(await (await client()).send(message('GET', covering('abc'), 'abc')).answer(), /undefined abc$/)
})

t.test('a later hook that prepares content for the parser: it finds the content too', async t => {
  const { client } = await behind(t, ({ body }) => body, () => {}, app => {
    app.addHook('preParsing', async (_request, _reply, payload) => payload.pipe(new PassThrough()))
  })
  t.match(await (await client()).send(message('POST', covering('abc'), 'abc')).answer(), /abc$/)
})

t.test('content that is too large: the client can read so, although it still sends, and the connection ends (R-DIG-45, R-CONN-6)', async t => {
  const { client } = await behind(t, () => 'never', app => expectContinue(app.server, () => true))
  const huge = 'x'.repeat(4_000_000)
  for (const fields of [[], ['Expect: 100-continue']]) {
    const one = await client()
    one.send(message('POST', covering(huge), fields.length > 0 ? '' : huge, fields).replace('Content-Length: 0', `Content-Length: ${huge.length}`))
    const text = await one.until(text => text.endsWith('}'))
    t.match(text, /^HTTP\/1.1 413 [^]*\r\nconnection: close\r\n[^]*FST_PROXY_AUTH_CONTENT_TOO_LARGE/i)
    t.match(text, /\r\ncontent-length: \d+\r\n/i)
    if (fields.length === 0) t.equal(await one.end(), text)
  }
  const chunked = await client()
  chunked.send(message('POST', covering(huge), `${huge.length.toString(16)}\r\n${huge}\r\n`, ['Transfer-Encoding: chunked']))
  t.match(await chunked.until(text => text.includes('TOO_LARGE')), /413 [^]*connection: close/i)
  t.match(await chunked.send('0\r\n\r\n').end(), /TOO_LARGE/)
})

t.test('a little content that is refused: it is read to its end, and the connection goes on', async t => {
  const tiny = new ContentKeeper({ maxRequest: 50, maxKept: 10, maxPerAddress: 10, contentTimeout: 60_000, contentDuration: 0 })
  const app = Fastify()
  t.teardown(() => app.close())
  addContentHooks(app)
  app.post('/', {
    onRequest: async (request, reply) => {
      await readCovered(request, reply, ['md5'], tiny)
    }
  }, async ({ body }) => body)
  await app.ready()
  const one = await RawClient.to(t, await listen(t, app.server))
  const content = 'x'.repeat(50)
  t.match(await one.send(message('POST', covering(content), content).slice(0, -20)).answer(), /503 /)
  t.match(await one.send(content.slice(0, 20) + message('POST', covering(content + 'x'), content + 'x')).answer(), /413 /)
  t.match(await one.send(message('POST', covering('abc'), 'abc')).answer(), /200 OK[^]*abc$/)
})

t.test('a client that leaves: it is not waited for', async t => {
  let left!: () => void
  const gone = new Promise<void>(resolve => { left = resolve })
  const { client } = await behind(t, () => 'never', () => {}, app => {
    app.addHook('onSend', async (_request, _reply, payload) => {
      t.match(payload, /FST_PROXY_AUTH_CLIENT_LEFT/, 'nobody lingers for it')
      left()
    })
  })
  const one = await client()
  one.send(message('POST', covering('abc'), 'abc').replace('Content-Length: 3', 'Content-Length: 90000') + 'x'.repeat(80_000))
  await until(() => openFiles().length === 1)
  one.socket.destroy()
  await gone
  await until(() => openFiles().length === 0)
  t.same(openFiles(), [])
})
