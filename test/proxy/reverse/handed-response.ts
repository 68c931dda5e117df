import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { HttpProxyRoute } from '../../../lib/proxy/reverse/route.js'
import { origin } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { PASS, message, reverse } from '../../fixtures/reverse.js'
import { until } from '../../fixtures/until.js'

const headers = { 'proxy-authorization': PASS }
const OF_NODE = ['connection', 'keep-alive', 'date', 'transfer-encoding']

/** Hooks as login and security plugins have them. */
function intrusive (app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('content-security-policy', 'app').header('x-app', 'early').header('etag', 'app')
    reply.raw.setHeader('x-raw', 'app')
  })
  app.addHook('onSend', async (_request, reply) => {
    reply.header('set-cookie', 'app=1').header('x-app-late', '1')
  })
}

async function answered (t: Parameters<typeof reverse>[0], replyOptions: HttpProxyRoute['replyOptions'], status = 200): Promise<[number, Record<string, string>, string]> {
  const upstream = await origin(t, (_request, response) => {
    response.writeHead(status, [['Set-Cookie', 'origin=1'], ['Set-Cookie', 'origin=2'], ['ETag', '"o"'], ['X-Origin', '1'], ['Trailer', 'X-T'], ['Proxy-Authenticate', 'Basic'], ['Connection', 'X-Hop'], ['X-Hop', '1']].flat())
    response.end('content')
  })
  const { url } = await reverse(t, { upstream: upstream.url, replyOptions: replyOptions! }, { before: intrusive })
  const answer = await fetch(`${url}/api`, { headers })
  const fields = Object.fromEntries([...answer.headers].filter(([name]) => !OF_NODE.includes(name)))
  return [answer.status, fields, await answer.text()]
}

t.test('onResponse of the options: it sends the response, and hooks of the application add nothing', async t => {
  const [status, fields, body] = await answered(t, {
    onResponse (_request, reply, { stream }) {
      reply.header('x-options', '1').send(stream)
    }
  })
  t.equal(status, 200)
  t.same(fields, { 'set-cookie': 'origin=2', etag: '"o"', 'x-origin': '1', via: '1.1 gw', 'x-options': '1', 'proxy-authentication-info': 'nextnonce="n"' })
  t.equal(body, 'content')
})

t.test('two lines of Set-Cookie from the origin: both go on', async t => {
  const upstream = await origin(t, (_request, response) => { response.setHeader('set-cookie', ['a=1', 'b=2']).end() })
  const { url } = await reverse(t, { upstream: upstream.url, replyOptions: { onResponse: (_request, reply, { stream }) => { reply.send(stream) } } }, { before: intrusive })
  t.same((await fetch(`${url}/api`, { headers })).headers.getSetCookie(), ['a=1', 'b=2'])
})

t.test('onResponse that sends other content: it is framed as what it is', async t => {
  const [, fields, body] = await answered(t, {
    rewriteHeaders: ({ 'content-length': _length, ...headers }) => ({ ...headers, 'x-gone': undefined }),
    onResponse (_request, reply, { stream }) {
      stream.resume()
      reply.type('text/plain').send('other')
    }
  })
  t.match(fields, { 'content-type': 'text/plain', 'content-length': '5' })
  t.equal(body, 'other')
})

t.test('an upstream status that Fastify does not support: 502, and nothing of it remains (F-55)', async t => {
  const [status, fields, body] = await answered(t, { onResponse: () => t.fail('not to be seen') }, 777)
  t.equal(status, 502)
  t.notMatch(Object.keys(fields).join(), /cookie|etag/)
  t.match(body, /FST_PROXY_AUTH_UPSTREAM_PROTOCOL/)
})

t.test('a 407 of the upstream: 502, and nothing of it remains (R-CHAIN-6)', async t => {
  const [status, fields, body] = await answered(t, { onResponse: () => t.fail('not to be seen') }, 407)
  t.equal(status, 502)
  t.notMatch(Object.keys(fields).join(), /origin|cookie|etag|proxy-authenticate,/)
  t.match(body, /FST_PROXY_AUTH_UPSTREAM_CHALLENGED/)
})

t.test('a 407 of the upstream through another client: 502, and nothing of it remains (R-CHAIN-6)', async t => {
  const upstream = await origin(t, (_request, response) => { response.writeHead(407, { 'X-Origin': '1', 'Set-Cookie': 'origin=1' }).end('theirs') })
  const { url } = await reverse(t, { upstream: upstream.url, undici: false, replyOptions: { onResponse: () => t.fail('not to be seen') } } as never)
  const answer = await fetch(`${url}/api`, { headers })
  t.equal(answer.status, 502)
  t.equal(answer.headers.get('x-origin'), null)
  t.equal(answer.headers.get('set-cookie'), null)
})

t.test('own responses to which hooks of the application have added fields: they go out without them', async t => {
  const { port } = await reverse(t, { upstream: 'http://nowhere.invalid' }, { before: intrusive })
  for (const [given, expected] of [[{ 'Proxy-Authorization': [] }, 407], [{}, 502]] as const) {
    const client = await RawClient.to(t, port)
    const [head] = (await client.send(message('GET', '/api', given as never)).end()).split('\r\n\r\n')
    t.match(head, new RegExp(`^HTTP/1.1 ${expected} `))
    t.notMatch(head, /x-app|x-raw|cookie|policy|etag/i)
  }
})

t.test('the upstream breaks off within content that onResponse sends: the client is cut, and the log says why', async t => {
  const upstream = await origin(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': 100 })
    response.write('half', () => response.destroy())
  })
  const { port, proxied } = await reverse(t, { upstream: upstream.url, replyOptions: { onResponse: (_request, reply, { stream }) => { reply.send(stream) } } })
  const client = await RawClient.to(t, port)
  t.match(await client.send(message('GET', '/api', { Connection: 'keep-alive' })).end(), /\r\n\r\nhalf$/)
  t.match(await proxied(1), [{ status: 200, bytesOut: 4, reason: 'FST_PROXY_AUTH_UPSTREAM_TERMINATED' }])
})

t.test('the client leaves within content that onResponse sends slowly: the upstream is let go, and the stream ends', async t => {
  let left!: () => void
  const gone = new Promise<void>(resolve => { left = resolve })
  const upstream = await origin(t, (_request, response) => {
    response.once('close', left)
    response.write('x'.repeat(1_000_000))
  })
  let handed: { stream: Readable, raw: { readonly headersSent: boolean } } | undefined
  const { port, proxied } = await reverse(t, { upstream: upstream.url, replyOptions: { onResponse: (_request, reply, response) => { handed = { stream: response.stream, raw: reply.raw }; reply.send(response.stream) } } })
  const client = await RawClient.to(t, port)
  client.socket.pause()
  client.send(message('GET', '/api'))
  await until(() => handed?.raw.headersSent === true)
  client.socket.destroy()
  await gone
  t.match(await proxied(1), [{ status: 200, reason: 'aborted' }])
  t.equal(handed!.stream.destroyed, true)
})

t.test('onResponse lets go of the content: the upstream is, too', async t => {
  let left!: () => void
  const gone = new Promise<void>(resolve => { left = resolve })
  const upstream = await origin(t, (_request, response) => {
    response.once('close', left)
    response.write('x')
  })
  const { url } = await reverse(t, { upstream: upstream.url, replyOptions: { onResponse: (_request, reply, { stream }) => { stream.destroy(); reply.send('instead') } } })
  t.equal(await (await fetch(`${url}/api`, { headers })).text(), 'instead')
  await gone
})

t.test('onResponse sends and throws: what it has sent is the response', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, {
    upstream: upstream.url,
    replyOptions: { onResponse: (_request, reply, { stream }) => { stream.resume(); reply.send('sent'); throw new Error('boom') } }
  })
  t.equal(await (await fetch(`${url}/api`, { headers })).text(), 'sent')
})
