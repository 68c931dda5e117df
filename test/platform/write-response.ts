import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import Fastify from 'fastify'
import type { Test } from 'tap'
import { writeInterim, reasonPhrase, endInOneWrite, preferOneWrite } from '../../lib/platform/write-response.js'
import { streamPair } from '../fixtures/stream-pair.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { listen } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

function written (httpVersion: string, headersSent = false): string {
  let text = ''
  const [httpVersionMajor, httpVersionMinor] = httpVersion.split('.').map(Number)
  const raw = { headersSent, _writeRaw (part: string, encoding: string) { text += `${encoding}|${part}` } }
  writeInterim({ raw, request: { raw: { httpVersionMajor, httpVersionMinor } } } as never, 103, 'Early Hints', ['Link', '</a>', 'Content-Length', '50', 'Trailer', 'X-T', 'Connection', 'X-Hop', 'X-Hop', '1', 'TRANSFER-ENCODING', 'chunked', 'X', 'é'], '1.1 gw')
  return text
}

t.test('an interim response: it goes on as it came, less what frames content or ends here (R-FWD-5, F-17)', async t => {
  t.equal(written('1.1'), 'latin1|HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX: é\r\nVia: 1.1 gw\r\n\r\n')
})

t.test('an interim response for HTTP/1.0: it is not sent (R-FWD-5)', async t => {
  t.equal(written('1.0'), '')
})

t.test('an interim response behind the final head: it is not sent', async t => {
  t.equal(written('1.1', true), '')
})

t.test('an interim response for a client that takes nothing: it is not sent', async t => {
  for (const [writableLength, count] of [[15, 1], [16, 0]] as const) {
    let written = 0
    const raw = { writableLength, writableHighWaterMark: 16, _writeRaw () { written++ } }
    writeInterim({ raw, request: { raw: { httpVersionMajor: 1, httpVersionMinor: 1 } } } as never, 103, undefined, [], '1.1 gw')
    t.equal(written, count)
  }
})

t.test('an interim response without a reason: it is sent without one', async t => {
  let text = ''
  writeInterim({ raw: { _writeRaw (part: string) { text += part } }, request: { raw: { httpVersionMajor: 1, httpVersionMinor: 1 } } } as never, 199, undefined, [], '1.1 gw')
  t.equal(text, 'HTTP/1.1 199 \r\nVia: 1.1 gw\r\n\r\n')
})

t.test('interim responses over HTTP/2: they have the shape of HTTP/2 (R-FWD-5)', async t => {
  const { request, response, far } = await streamPair(t)
  const seen: unknown[] = []
  far.on('headers', fields => seen.push(Object.entries(fields)))
  const write = (status: number, fields: string[]) => writeInterim({ raw: response, request: { raw: request } } as never, status, 'No Phrase', fields, '1.1 gw')
  write(103, ['Link', '</a>', 'link', '</b>'])
  write(101, [])
  write(103, ['Age', '1', 'Age', '2'])
  write(103, ['X-A', 'a\0']) // cannot be written
  write(199, ['X-A', '\xe9'])
  response.end()
  write(103, ['Link', '</c>'])
  await once(far.resume(), 'end')
  t.strictSame(seen, [[[':status', 103], ['link', '</a>, </b>'], ['via', '1.1 gw']], [[':status', 103], ['age', '1'], ['via', '1.1 gw']], [[':status', 199], ['x-a', '\xe9'], ['via', '1.1 gw']]])
})

t.test('many frames that wait for an HTTP/2 client: hints do not join them', async t => {
  const { request, response, far } = await streamPair(t)
  let seen = 0
  far.on('headers', () => { seen++ })
  for (let i = 0; i < 1000; i++) writeInterim({ raw: response, request: { raw: request } } as never, 103, '', ['x-a', String(i)], '1.1 gw')
  response.end()
  await once(far.resume(), 'end')
  t.ok(seen > 0 && seen < 100, `${seen} of 1000`)
})

t.test('a phrase with octets beyond ASCII: they come back as they were', async t => {
  const phrase = 'Не найдено'
  t.equal(Buffer.from(reasonPhrase(phrase)!, 'latin1').toString(), phrase)
  t.equal(reasonPhrase('Ça va'), 'Ã\x87a va')
})

t.test('a phrase that is ASCII, empty or missing: it is left alone', async t => {
  for (const phrase of ['Not Found', '', undefined]) t.equal(reasonPhrase(phrase), phrase)
})

t.test('a character whose low octet would end a line: it does not become that octet (R-SEC-5)', async t => {
  for (const phrase of ['a\u010d\u010ab', '\u010a', '\u200d\u200a']) t.notMatch(reasonPhrase(phrase), /[\r\n]/)
})

t.test('a phrase that cannot be sent: it is left to node', async t => {
  for (const phrase of ['a\ufffd', 'a\x01', 'a\r\nb', 'a\0']) t.equal(reasonPhrase(phrase), undefined)
})

type Respond = (response: ServerResponse) => void

/** What a client gets, and how many pieces the system is given for each response. */
async function responses (t: Test, respond: Respond, requests: string): Promise<{ text: string, pieces: number[] }> {
  const pieces: number[] = []
  const port = await listen(t, createServer((request, response) => {
    const socket = request.socket as Socket & { _write: (...rest: unknown[]) => void, _writev: (chunks: unknown[], done: () => void) => void }
    const { _write, _writev } = socket
    Object.assign(socket, {
      _write (this: Socket, ...rest: unknown[]) { pieces.push(1); Reflect.apply(_write, this, rest) },
      _writev (this: Socket, chunks: unknown[], done: () => void) { pieces.push(chunks.length); Reflect.apply(_writev, this, [chunks, done]) }
    })
    response.sendDate = false
    respond(response)
  }))
  const client = await RawClient.to(t, port)
  const text = await client.send(requests).end()
  return { text, pieces }
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const FIRST = GET.replace('Connection: close\r\n', '')
const HEAD = 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 5\r\nConnection: close\r\n\r\n'
const head = (response: ServerResponse) => response.writeHead(407, { 'Content-Length': 5 })

t.test('a short response: its head and its content are one write, of node they are a list', async t => {
  t.same(await responses(t, response => { endInOneWrite(head(response), 'h\xe9llo', 'latin1') }, GET), { text: `${HEAD}h\xe9llo`, pieces: [1] })
  const ofNode = await responses(t, response => { head(response).end('hello', 'latin1') }, GET)
  t.same(ofNode.pieces, [Number(process.versions.node.split('.')[0]) < 24 ? 2 : 1], 'is the workaround still needed?')
})

t.test('a response that prefers one write: as it is ended, with or without content', async t => {
  const rows: Array<[end: Respond, text: string, pieces?: number[]]> = [
    [response => { head(response).end('hello') }, `${HEAD}hello`, [1]],
    [response => { head(response).end('hello', null as never, null as never) }, `${HEAD}hello`, [1]], // as Fastify does it
    [response => { head(response).end('h\xe9llo', 'latin1') }, `${HEAD}h\xe9llo`],
    [response => { head(response).end(Buffer.from('hello')) }, `${HEAD}hello`],
    [response => { head(response).end('hello', () => {}) }, `${HEAD}hello`],
    [response => { head(response).write('hel'); response.end('lo') }, `${HEAD}hello`],
    [response => { response.writeHead(204).end() }, 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n'],
    [response => { response.statusCode = 404; response.end('hello') }, 'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello'],
    [response => { response.writeHead(200).end('hello') }, 'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    [response => { head(response).end('hello'); response.on('error', () => {}).end('again') }, `${HEAD}hello`, [1]]
  ]
  for (const [end, text, pieces] of rows) {
    const seen = await responses(t, response => { preferOneWrite(response); end(response) }, GET)
    t.equal(seen.text, text)
    if (pieces !== undefined) t.same(seen.pieces, pieces)
  }
})

t.test('a request without content in its response: HEAD gets the head alone', async t => {
  const { text } = await responses(t, response => { preferOneWrite(response); head(response).end('hello') }, GET.replace('GET', 'HEAD'))
  t.equal(text, HEAD)
})

t.test('pipelined requests: the responses come in their order, whatever is written first', async t => {
  const waiting: ServerResponse[] = []
  const { text } = await responses(t, response => {
    waiting.push(response)
    if (waiting.length === 2) for (const each of waiting.reverse()) endInOneWrite(each.writeHead(200, { 'Content-Length': 1 }), waiting.indexOf(each) === 0 ? '2' : '1', 'latin1')
  }, FIRST + GET)
  t.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n1HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n2$/)
})

t.test('a response whose end was replaced before: it stays so', async t => {
  const { text } = await responses(t, response => {
    const { end } = response
    response.end = (() => Reflect.apply(end, response, ['other'])) as never
    preferOneWrite(response)
    head(response).end('hello')
  }, GET)
  t.equal(text, `${HEAD}other`)
})

t.test('a response of HTTP/2: node ends it', async t => {
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  app.get('/', (_request, reply) => {
    preferOneWrite(reply.raw as never)
    reply.code(407).send('hello')
  })
  const client = await Http2Client.to(t, await app.listen({ host: '127.0.0.1', port: 0 }))
  t.same(String((await client.ask({ ':path': '/' })).body), 'hello')
})

t.test('an application that is asked by inject: it gets the same', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/', (_request, reply) => {
    preferOneWrite(reply.raw)
    reply.code(407).send('hello')
  })
  const { statusCode, body } = await app.inject('/')
  t.same([statusCode, body], [407, 'hello'])
})
