import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { message } from '../fixtures/reverse.js'

/** One request over HTTP/2 in the clear. */
async function ask (t: Test, port: number, headers: Record<string, string>, body = ''): Promise<{ headers: Record<string, unknown>, trailers: Record<string, unknown>, body: string }> {
  const session = connect(`http://127.0.0.1:${port}`)
  t.teardown(() => session.destroy())
  const stream = session.request({ 'proxy-authorization': ALICE, ...headers }, { endStream: body === '' })
  if (body !== '') stream.end(body)
  return await new Promise((resolve, reject) => {
    let text = ''
    let head = {}
    let trailers = {}
    stream.on('error', reject)
    stream.on('response', given => { head = given })
    stream.on('trailers', given => { trailers = given })
    stream.setEncoding('latin1').on('data', chunk => { text += chunk }).on('end', () => resolve({ headers: head, trailers, body: text }))
  })
}

t.test('a client that speaks HTTP/2: content and trailers pass, connection-specific fields do not (R-HOP-6, R-VIA-2)', async t => {
  const upstream = await origin(t, (request, response, body) => {
    response.writeHead(200, ['X-A', '1', 'Connection', 'close', 'Keep-Alive', 'timeout=1', 'Proxy-Connection', 'x', 'Trailer', 'X-T'])
    response.write(body)
    response.addTrailers({ 'X-T': '1' })
    response.end(request.method)
  })
  const { port } = await gateway(t, { forward: undefined as never, reverse: [{ prefix: '/api', upstream: upstream.url }], fastify: { http2: true } as never })
  const get = await ask(t, port, { ':path': '/api/x' })
  t.match(get, { headers: { ':status': 200, 'x-a': '1', via: /^1.1 gateway-/, trailer: 'X-T' }, body: 'GET', trailers: { 'x-t': '1' } })
  t.notMatch(Object.keys(get.headers).join(), /connection|keep-alive|transfer-encoding/)
  t.match(upstream.seen.pop(), { url: '/x', headers: { via: /^2.0 gateway-/, 'x-forwarded-host': `127.0.0.1:${port}`, 'proxy-authorization': undefined } })
  const post = await ask(t, port, { ':path': '/api/x', ':method': 'POST', te: 'trailers', cookie: 'a=1' }, 'content')
  t.equal(post.body, 'contentPOST')
  t.match(upstream.seen.pop(), { body: Buffer.from('content'), headers: { cookie: 'a=1', te: undefined } })
  const refused = await ask(t, port, { ':path': '/api/x', 'proxy-authorization': 'Unknown no' })
  t.match(refused.headers, { ':status': 407 })
})

t.test('an upstream that speaks HTTP/2: content and fields pass, connection-specific fields do not (R-HOP-6, R-VIA-2)', async t => {
  const seen: Array<Record<string, unknown>> = []
  const upstream = createServer((request, response) => {
    seen.push(request.headers)
    let text = ''
    request.on('data', chunk => { text += chunk }).on('end', () => {
      response.setHeader('x-a', ['1', '2'])
      response.end(request.method + text)
    })
  })
  await new Promise<void>(resolve => upstream.listen(0, '127.0.0.1', resolve))
  const { port, app } = await gateway(t, { reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, http2: true }] })
  t.teardown(async () => { await app.close(); upstream.close() })
  const client = await RawClient.to(t, port)
  const text = await client.send(message('POST', '/api/x', { 'Proxy-Authorization': ALICE, TE: 'trailers', 'Keep-Alive': '1', 'Content-Length': '4' }, 'body')).end()
  t.match(text, /^HTTP\/1.1 200 OK\r\nx-a: 1, 2\r\n[^]*\r\nVia: 2.0 gateway-/)
  t.match(text, /POSTbody/)
  t.match(seen, [{ via: /^1.1 gateway-/, te: undefined, 'proxy-authorization': undefined }])
})
