import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { expectContinue } from '../../../lib/proxy/ingress/expect-continue.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const HEAD = 'POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n'
type Handler = (request: IncomingMessage, response: ServerResponse) => void

async function client (t: Test, asks: Array<() => boolean>, handler: Handler): Promise<RawClient> {
  const server = createServer(handler)
  for (const ask of asks) expectContinue(server, ask)
  t.equal(server.listenerCount('checkContinue'), 1, 'one listener, however many ask')
  return await RawClient.to(t, await listen(t, server))
}

const echo: Handler = (request, response) => {
  let text = ''
  request.on('data', chunk => { text += chunk }).on('end', () => response.end(text))
}

t.test('a proxied request that expects a 100: it gets one when its content is read, once (R-EXP-1, R-EXP-3)', async t => {
  const alice = await client(t, [() => false, () => true], echo)
  await alice.send(HEAD).until(text => text.includes('\r\n\r\n'))
  t.equal(alice.text, CONTINUE)
  const text = await alice.send('abc').end()
  t.match(text.slice(CONTINUE.length), /^HTTP\/1\.1 200 OK\r\n[^]*abc$/)
  t.equal(text.split('100 Continue').length, 2)
})

t.test('content that has come without waiting: 100 all the same when it is read, by whatever means (R-EXP-3, F-52)', async t => {
  const readers: Handler[] = [
    echo,
    (request, response) => { request.pipe(response) },
    (request, response) => { request.on('readable', () => { while (request.read() !== null); }).on('end', () => response.end('abc')) },
    async (request, response) => {
      for await (const chunk of request) t.ok(chunk)
      response.end('abc')
    }
  ]
  for (const [i, reader] of readers.entries()) {
    const alice = await client(t, [() => true], (request, response) => { setImmediate(() => reader(request, response)) })
    const text = await alice.send(HEAD + 'abc').end()
    t.ok(text.startsWith(`${CONTINUE}HTTP/1.1 200 OK`), String(i))
    t.equal(text.split('100 Continue').length, 2)
  }
  const unread = await client(t, [() => true], (_request, response) => { setImmediate(() => response.end('x')) })
  t.notMatch(await unread.send(HEAD + 'abc').end(), /100 Continue/, 'node reads ahead, which is no reading')
})

t.test('a refusal of a request that expects a 100: it comes without one (R-EXP-1)', async t => {
  const mallory = await client(t, [() => true], (_request, response) => { response.writeHead(407).end() })
  t.match(await mallory.send(HEAD).end(), /^HTTP\/1\.1 407 /)
})

t.test('content that is read after the response: it asks for no 100', async t => {
  const mallory = await client(t, [() => true], (request, response) => {
    response.writeHead(407).end()
    request.resume()
  })
  t.notMatch(await mallory.send(HEAD).end(), /100 Continue/)
})

t.test('a refusal where no content can come: it keeps the connection, and no 100 goes out (R-CONN-2, R-EXP-8)', async t => {
  const alice = await client(t, [() => true], (request, response) => {
    request.resume().on('end', () => response.writeHead(407, { 'content-length': 0 }).end())
  })
  const head = 'PUT / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n'
  for (const field of ['Content-Length: 0\r\n', '']) {
    const answer = await alice.send(`${head}${field}\r\n`).answer()
    t.match(answer, /^HTTP\/1\.1 407 [^]*\r\nconnection: keep-alive\r\n/i)
  }
  const chunked = await client(t, [() => true], (_request, response) => { response.writeHead(407, { 'content-length': 0 }).end() })
  t.match(await chunked.send(`${head}Transfer-Encoding: chunked\r\n\r\n`).end(), /\r\nconnection: close\r\n/i)
})

t.test('a request that no proxy route takes: it gets its 100 at once, read or not', async t => {
  for (const handler of [echo, (_request: IncomingMessage, response: ServerResponse) => { response.end() }]) {
    const own = await client(t, [() => false], handler)
    t.ok((await own.send(`${HEAD}abc`).end()).startsWith(`${CONTINUE}HTTP/1.1 200`))
  }
})
