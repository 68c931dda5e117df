import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { Allowance } from '../../../lib/proxy/exchange/allowance.js'
import { refuseLoop, requestContent, requestFields } from '../../../lib/proxy/message/forwarded-request.js'
import type { Tally } from '../../../lib/proxy/message/forwarded-request.js'
import { onExtendedConnect } from '../../../lib/proxy/upgrade/extended-connect.js'
import { routeUpgrade } from '../../../lib/proxy/upgrade/upgrade.js'
import { announcing } from '../../fixtures/announcing.js'
import { extended } from '../../fixtures/extended-socket.js'
import { FickleMeter, GivenMeter } from '../../fixtures/meters.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { streamPair } from '../../fixtures/stream-pair.js'
import { until } from '../../fixtures/until.js'

/** A client that has sent `text`, and what the server made of its first request. */
async function request (t: Test, text: string): Promise<{ client: RawClient, incoming: IncomingMessage, response: ServerResponse }> {
  const server = createServer()
  const client = await RawClient.to(t, await listen(t, server))
  client.send(text)
  const [incoming, response] = await once(server, 'request') as [IncomingMessage, ServerResponse]
  return { client, incoming, response }
}
const contentOf = (incoming: IncomingMessage, tally: Tally, bodyTimeout = 0, body?: unknown) => requestContent(incoming as never, tally, bodyTimeout, body)
const head = (fields: string) => `POST / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`

t.test('a request without content: there is nothing to send on', async t => {
  for (const fields of ['', 'Content-Length: 0\r\n', 'Content-Length: 000\r\n']) {
    const { incoming } = await request(t, head(fields))
    t.equal(contentOf(incoming, { bytesIn: 0 }), null)
  }
})

for (const [name, fields, content] of [['a length', 'Content-Length: 3\r\n', 'abc'], ['chunks', 'Transfer-Encoding: chunked\r\n', '1\r\na\r\n2\r\nbc\r\n0\r\n\r\n']]) {
  t.test(`content with ${name} is counted as it passes`, async t => {
    const { incoming } = await request(t, head(fields!) + content!)
    const tally = { bytesIn: 0 }
    let text = ''
    for await (const chunk of contentOf(incoming, tally, 60_000)!) text += String(chunk)
    t.equal(text, 'abc')
    t.equal(tally.bytesIn, 3)
  })
}

t.test('a body that is a stream: it is the content, whatever the request says, and another body is not', async t => {
  const { incoming } = await request(t, `${head('Content-Length: 3\r\n')}abc`)
  for (const body of [Readable.from(['k', 'ept'].map(text => Buffer.from(text))), undefined, null, 'text', {}]) {
    const tally = { bytesIn: 0 }
    let text = ''
    for await (const chunk of contentOf(incoming, tally, 0, body)!) text += String(chunk)
    t.equal(text, body instanceof Readable ? 'kept' : body === undefined ? 'abc' : '')
    t.equal(tally.bytesIn, text.length)
  }
})

t.test('content that is not wanted yet: it is not read, and what is left over leaves the request alone', async t => {
  const { client, incoming, response } = await request(t, `${head('Content-Length: 6\r\nConnection: close\r\n')}abc`)
  const content = contentOf(incoming, { bytesIn: 0 })!
  t.equal(incoming.readableDidRead, false)
  const reader = content[Symbol.asyncIterator]()
  t.equal(String((await reader.next()).value), 'abc')
  await reader.return(undefined)
  t.equal(incoming.destroyed, false)
  response.end('early')
  t.match(await client.answer(), /early$/)
})

t.test('a client that sends nothing more: it is cut off', async t => {
  const { client, incoming } = await request(t, `${head('Content-Length: 6\r\n')}abc`)
  const got: string[] = []
  await t.rejects(async () => { for await (const chunk of contentOf(incoming, { bytesIn: 0 }, 20)!) got.push(String(chunk)) },
    { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  t.strictSame(got, ['abc'])
  t.equal(await client.end(), '')
})

t.test('a target that takes its time: the client is not cut off for it', async t => {
  const { client, incoming } = await request(t, `${head('Content-Length: 6\r\n')}abc`)
  const content = contentOf(incoming, { bytesIn: 0 }, 20)![Symbol.asyncIterator]()
  t.equal(String((await content.next()).value), 'abc')
  await new Promise(resolve => setTimeout(resolve, 60)) // three times its patience
  client.send('def')
  await until(() => incoming.complete)
  t.equal(String((await content.next()).value), 'def')
  t.equal((await content.next()).done, true)
})

function streaming (members: object): never {
  return Object.assign(Readable.from([Buffer.from('con'), Buffer.from('tent')]), { headers: {}, ...members }) as never
}

async function all (upload: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const chunks: Buffer[] = []
  for await (const chunk of upload) chunks.push(chunk)
  return chunks
}

t.test('content that HTTP/1.1 announces: it is passed on and counted', async t => {
  const tally = { bytesIn: 0 }
  const upload = requestContent(streaming({ headers: { 'content-length': '7' } }), tally, 0)
  t.equal(Buffer.concat(await all(upload!)).toString(), 'content')
  t.equal(tally.bytesIn, 7)
  t.equal(requestContent(streaming({}), tally, 0), null)
})

t.test('content that HTTP/2 frames, without a length: it is passed on and counted', async t => {
  const tally = { bytesIn: 0 }
  const upload = requestContent(streaming({ stream: { endAfterHeaders: false, rstCode: 0 } }), tally, 0)
  t.equal(Buffer.concat(await all(upload!)).toString(), 'content')
  t.equal(tally.bytesIn, 7)
  t.equal(requestContent(streaming({ stream: { endAfterHeaders: true }, headers: { 'content-length': '0' } }), tally, 0), null)
})

t.test('octets on a stream of another protocol: they are no content', async t => {
  const client = await announcing(t, server => onExtendedConnect(server, request => {
    const routing = (_request: unknown, response: ServerResponse) => {
      t.equal(requestContent(request, { bytesIn: 0 }, 0), null)
      response.writeHead(407).end()
    }
    routeUpgrade({ routing } as unknown as FastifyInstance, request, Buffer.alloc(0), ['websocket'])
    return true
  }))
  t.match(await client.ask(extended('a.test', '/'), 'frames'), { status: 407 })
})

t.test('content that was read before and kept: it is passed on and counted', async t => {
  const tally = { bytesIn: 0 }
  for (const members of [{ headers: { 'content-length': '7' } }, { stream: { endAfterHeaders: false, rstCode: 0 } }]) {
    const upload = requestContent(streaming(members), tally, 0, Readable.from([Buffer.from('kept')]))
    t.equal(Buffer.concat(await all(upload!)).toString(), 'kept')
  }
  t.equal(tally.bytesIn, 8)
})

t.test('a client that sends nothing for too long: it is cut off', async t => {
  const silent = Object.assign(new Readable({ read () {} }), { headers: { 'content-length': '1' } })
  await t.rejects(requestContent(silent as never, { bytesIn: 0 }, 1)!.next())
  t.ok(silent.destroyed)
  const { request, near, far } = await streamPair(t)
  const closed = new Promise(resolve => { far.once('close', resolve) })
  await t.rejects(requestContent(request, { bytesIn: 0 }, 1)!.next(), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  t.ok(near.destroyed, 'its stream only')
  await closed
  t.equal(far.rstCode, constants.NGHTTP2_CANCEL)
})

t.test('HTTP/2 content that was reset, though node reports its end: it fails as cut short', async t => {
  const upload = requestContent(streaming({ stream: { endAfterHeaders: false, rstCode: constants.NGHTTP2_CANCEL } }), { bytesIn: 0 }, 0)!
  await t.rejects(all(upload), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
})

t.test('HTTP/2 content that is cut in the middle: it is not taken for the whole', async t => {
  const { request, far } = await streamPair(t)
  far.write('half')
  const upload = requestContent(request, { bytesIn: 0 }, 0)!
  t.equal(String((await upload.next()).value), 'half')
  far.destroy()
  await t.rejects(upload.next(), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
})

t.test('an upload of which only a part was read: the connection goes on with the next request', async t => {
  const server = createServer(async (request, response) => {
    const content = contentOf(request, { bytesIn: 0 }) ?? []
    if (request.method === 'POST') for await (const chunk of content) { if (chunk.length > 0) break }
    response.end()
  })
  const client = await RawClient.to(t, await listen(t, server))
  const length = 4e6
  client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`)
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')
  t.equal((await client.end()).split('HTTP/1.1 200').length, 3, 'two answers')
})

t.test('content that is read to its end: all of it arrives', async t => {
  let got = 0
  const server = createServer(async (request, response) => {
    for await (const chunk of contentOf(request, { bytesIn: 0 })!) got += chunk.length
    response.end()
  })
  const client = await RawClient.to(t, await listen(t, server))
  client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300000)}`)
  await client.end()
  t.equal(got, 300000)
})

t.test('content that is metered: it goes on as it may, and what has gone is counted', async t => {
  const { incoming } = await request(t, `${head('Content-Length: 90000\r\n')}${'some text'.repeat(10_000)}`)
  const meter = new FickleMeter()
  const tally = { bytesIn: 0, allowance: new Allowance(meter) }
  let text = ''
  for await (const chunk of contentOf(incoming, tally)!) {
    text += String(chunk)
    t.equal(tally.bytesIn, text.length)
  }
  t.equal(text, 'some text'.repeat(10_000))
  t.equal(meter.moved.up, 90_000)
})

t.test('content that waits for leave: the client is not cut for that, and it fails when the exchange is over', async t => {
  const { incoming, client } = await request(t, `${head('Content-Length: 6\r\n')}abc`)
  const allowance = new Allowance(new GivenMeter(1))
  const content = contentOf(incoming, { bytesIn: 0, allowance }, 20)!
  t.equal(String((await content.next()).value), 'a')
  const waiting = content.next()
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal(incoming.destroyed, false)
  allowance.end()
  await t.rejects(waiting, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  client.send('def')
  await until(() => incoming.complete)
})

const HOST = new Set(['host'])

/** A request with these fields, as far as it is looked at. */
function withFields (method: string, rawHeaders: string[], httpVersion = '1.1'): IncomingMessage {
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    headers[name] = name in headers && name === 'via' ? `${headers[name]}, ${rawHeaders[i + 1]}` : headers[name] ?? rawHeaders[i + 1]!
  }
  return { method, httpVersion, httpVersionMajor: Number(httpVersion[0]), headers, rawHeaders } as unknown as IncomingMessage
}

t.test('fields of a request: order, case and lines stay (R-HOP-8)', async t => {
  const fields = ['Accept', '*/*', 'X-B', '\xe9', 'COOKIE', 'a', 'x-b', '2', 'Authorization', 'Basic b3JpZ2lu', 'Content-Length', '3']
  t.strictSame(requestFields(withFields('POST', ['Host', 'b.test', ...fields]), HOST), fields)
})

t.test('fields that end at this hop, in any case: they are removed (R-HOP-1, R-HOP-2, R-HOP-3, R-CHAIN-1)', async t => {
  const own = [
    'Proxy-Connection', 'keep-alive', 'Keep-Alive', 'timeout=5', 'TE', 'trailers', 'Transfer-Encoding', 'chunked', 'UPGRADE', 'h2c', 'HTTP2-Settings', 'x',
    'Trailer', 'X-T', 'Expect', '100-continue', 'proxy-authorization', 'Basic x', 'Proxy', 'evil', 'Connection', 'X-Hop, close', 'x-hop', '1', 'Proxy-Support', 'x'
  ]
  t.strictSame(requestFields(withFields('GET', ['Host', 'a.test', ...own, 'X-Kept', '1']), HOST), ['X-Kept', '1'])
})

t.test('Connection that names fields of the proxy or end-to-end fields: they stay (R-HOP-5)', async t => {
  const named = ['Host', 'Via', 'Content-Length', 'Authorization', 'Cookie', 'Cache-Control']
  const fields = ['Via', '1.0 before', 'Content-Length', '3', 'Authorization', 'x', 'Cookie', 'y', 'Cache-Control', 'z']
  t.strictSame(requestFields(withFields('GET', ['Connection', named.join(', '), ...fields]), HOST), fields)
})

t.test('several lines of Cookie: those of HTTP/2 are joined into one, those of HTTP/1.1 stay (R-HOP-6)', async t => {
  const fields = [':authority', 'a.test', 'cookie', 'a=1', 'x-a', '1', 'cookie', 'b=2', 'cookie', 'c=3', 'te', 'trailers']
  t.strictSame(requestFields(withFields('GET', fields, '2.0'), HOST), ['cookie', 'a=1; b=2; c=3', 'x-a', '1'])
  t.strictSame(requestFields(withFields('GET', ['Cookie', 'a=1', 'Cookie', 'b=2']), HOST), ['Cookie', 'a=1', 'Cookie', 'b=2'], 'what HTTP/1.1 sends stays')
})

t.test('our own member in Via, in any line and case: refused as a loop (R-VIA-4)', async t => {
  const loop = { code: 'FST_PROXY_AUTH_LOOP', statusCode: 502 }
  t.throws(() => refuseLoop(withFields('GET', ['Via', '1.1 gw']), 'gw'), loop)
  t.throws(() => refuseLoop(withFields('GET', ['Via', '1.1 a', 'via', '1.0 b, HTTP/1.1 GW (x)']), 'gw'), loop)
  t.doesNotThrow(() => refuseLoop(withFields('GET', ['Via', '1.1 gw-2, 1.1 a (gw)']), 'gw'))
  t.doesNotThrow(() => refuseLoop(withFields('GET', []), 'gw'))
})

t.test('Max-Forwards: it counts for TRACE and OPTIONS, and is never added (R-MAXF-2, R-MAXF-3)', async t => {
  const left = (method: string, value?: string) => {
    const fields = requestFields(withFields(method, value === undefined ? [] : ['max-forwards', value]), HOST)
    return fields[fields.indexOf('max-forwards') + 1]
  }
  for (const method of ['TRACE', 'OPTIONS']) {
    t.equal(left(method, '7'), '6')
    t.equal(left(method, 'x'), 'x', 'as it came where it is none')
    t.notOk(requestFields(withFields(method, ['X', '1']), HOST).includes('max-forwards'))
  }
  t.equal(left('GET', '7'), '7')
  t.strictSame(requestFields(withFields('TRACE', ['X', '1', 'Max-Forwards', '3']), HOST).slice(0, 4), ['X', '1', 'Max-Forwards', '2'])
})
