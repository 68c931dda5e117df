import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

// What two readers may take for two different messages: refused before anybody is asked who they are, or sent on in the
// one form that has no second reading. Each frame hides a request for /smuggled where it can.
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n'
const CHUNKED = '3\r\nabc\r\n0\r\n\r\n'

interface Frame {
  name: string
  /** Fields and content, behind the request line, Host and the credentials. */
  frame: string
  /** Content that reaches the origin, whose framing is then canonical. Left out: refused. */
  content?: string
  version?: string
}

const LENGTHS: Frame[] = [
  { name: 'two lengths', frame: 'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc' },
  { name: 'two that differ', frame: `Content-Length: 0\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}` },
  { name: 'a list', frame: 'Content-Length: 3, 3\r\n\r\nabc' },
  { name: 'a sign', frame: 'Content-Length: +3\r\n\r\nabc' },
  { name: 'a minus', frame: 'Content-Length: -3\r\n\r\nabc' },
  { name: 'hex', frame: 'Content-Length: 0x3\r\n\r\nabc' },
  { name: 'a decimal point', frame: 'Content-Length: 3.0\r\n\r\nabc' },
  { name: 'an exponent', frame: 'Content-Length: 3e0\r\n\r\nabc' },
  { name: 'none at all', frame: 'Content-Length: \r\n\r\n' },
  { name: 'a letter', frame: 'Content-Length: 3a\r\n\r\nabc' },
  { name: 'a space within', frame: 'Content-Length: 3 4\r\n\r\nabc' },
  { name: 'beyond 2^64', frame: 'Content-Length: 18446744073709551619\r\n\r\nabc' },
  { name: 'beyond 2^53', frame: 'Content-Length: 9007199254740993\r\n\r\nabc' },
  { name: 'a quoted one', frame: 'Content-Length: "3"\r\n\r\nabc' },
  { name: 'leading zeros', frame: 'Content-Length: 003\r\n\r\nabc', content: 'abc' },
  { name: 'whitespace around', frame: 'Content-Length:   3  \r\n\r\nabc', content: 'abc' },
  { name: 'an underscore beside it', frame: 'Content_Length: 9\r\nContent-Length: 3\r\n\r\nabc', content: 'abc' }
]
const CODINGS: Frame[] = [
  { name: 'a length before it', frame: `Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}` },
  { name: 'a length behind it', frame: `Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n${CHUNKED}` },
  { name: 'a length of zero, and a request behind it', frame: `Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}` },
  { name: 'a coding that is none', frame: `Transfer-Encoding: xchunked\r\n\r\n${CHUNKED}` },
  { name: 'identity', frame: 'Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc' },
  { name: 'gzip', frame: `Transfer-Encoding: gzip\r\n\r\n${CHUNKED}` },
  { name: 'chunked under gzip', frame: `Transfer-Encoding: chunked, gzip\r\n\r\n${CHUNKED}` },
  { name: 'gzip under chunked', frame: `Transfer-Encoding: gzip, chunked\r\n\r\n${CHUNKED}` },
  { name: 'chunked twice', frame: `Transfer-Encoding: chunked, chunked\r\n\r\n${CHUNKED}` },
  { name: 'chunked on two lines', frame: `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}` },
  { name: 'another on the second line', frame: `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${CHUNKED}` },
  { name: 'an empty member', frame: `Transfer-Encoding: ,chunked\r\n\r\n${CHUNKED}` },
  { name: 'a parameter', frame: `Transfer-Encoding: chunked;q=1\r\n\r\n${CHUNKED}` },
  { name: 'quotes', frame: `Transfer-Encoding: "chunked"\r\n\r\n${CHUNKED}` },
  { name: 'nothing', frame: `Transfer-Encoding:\r\n\r\n${CHUNKED}` },
  { name: 'a vertical tab', frame: `Transfer-Encoding: \x0bchunked\r\n\r\n${CHUNKED}` },
  { name: 'a space before the colon', frame: 'Transfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\nabc' },
  { name: 'a folded line', frame: `Transfer-Encoding:\r\n chunked\r\n\r\n${CHUNKED}` },
  { name: 'a field folded into it', frame: 'X-A: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc' },
  { name: 'HTTP/1.0', frame: `Transfer-Encoding: chunked\r\n\r\n${CHUNKED}`, version: '1.0' },
  { name: 'HTTP/1.0 with a length', frame: `Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n${CHUNKED}`, version: '1.0' },
  { name: 'other case', frame: `Transfer-Encoding: ChUnKeD\r\n\r\n${CHUNKED}`, content: 'abc' },
  { name: 'a tab', frame: `Transfer-Encoding:\tchunked\r\n\r\n${CHUNKED}`, content: 'abc' },
  { name: 'an underscore', frame: 'Transfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc', content: 'abc' }
]
const CHUNKS: Frame[] = [
  { name: 'a size with a sign', frame: '+3\r\nabc\r\n0\r\n\r\n' },
  { name: 'a negative size', frame: '-3\r\nabc\r\n0\r\n\r\n' },
  { name: 'a size with 0x', frame: '0x3\r\nabc\r\n0\r\n\r\n' },
  { name: 'a size beyond 2^64', frame: '10000000000000003\r\nabc\r\n0\r\n\r\n' },
  { name: 'no size', frame: '\r\nabc\r\n0\r\n\r\n' },
  { name: 'a space before the size', frame: ' 3\r\nabc\r\n0\r\n\r\n' },
  { name: 'LF behind the size', frame: '3\nabc\r\n0\r\n\r\n' },
  { name: 'LF behind the data', frame: '3\r\nabc\n0\r\n\r\n' },
  { name: 'CR behind the size', frame: '3\rabc\r\n0\r\n\r\n' },
  { name: 'more data than its size', frame: '3\r\nabcd\r\n0\r\n\r\n' },
  { name: 'an extension with LF', frame: '3;a\nb\r\nabc\r\n0\r\n\r\n' },
  { name: 'a trailer that is none', frame: '3\r\nabc\r\n0\r\nno trailer\r\n\r\n' },
  { name: 'an extension', frame: '3;a="b"\r\nabc\r\n0\r\n\r\n', content: 'abc' },
  { name: 'zeros before the size', frame: '0003\r\nabc\r\n000\r\n\r\n', content: 'abc' },
  { name: 'trailers that frame', frame: '3\r\nabc\r\n0\r\nX-T: 1\r\nHost: evil.test\r\nProxy-Authorization: x\r\n\r\n', content: 'abc' }
].map(row => ({ ...row, frame: `Transfer-Encoding: chunked\r\n\r\n${row.frame}` }))
const HEADS: Frame[] = [
  { name: 'a folded line', frame: 'X-A: 1\r\n\tb\r\n\r\n' },
  { name: 'a line of whitespace', frame: ' \r\n\r\n' },
  { name: 'no colon', frame: 'X-A\r\n\r\n' },
  { name: 'an empty name', frame: ': x\r\n\r\n' },
  { name: 'a space in a name', frame: 'X A: 1\r\n\r\n' },
  { name: 'a space before the colon', frame: 'X-A : 1\r\n\r\n' },
  { name: 'NUL', frame: 'X-A: a\0b\r\n\r\n' },
  { name: 'CR', frame: 'X-A: a\rb\r\n\r\n' },
  { name: 'CR and a field', frame: `X-A: a\rContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}` },
  { name: 'LF for a line end', frame: 'X-A: a\nX-B: b\r\n\r\n' },
  { name: 'a control char', frame: 'X-A: \x01\r\n\r\n' },
  { name: 'DEL', frame: 'X-A: \x7f\r\n\r\n' },
  { name: 'obs-text in a name', frame: 'X-\xe9: 1\r\n\r\n' },
  { name: 'a second Host', frame: 'Host: b.test\r\n\r\n' },
  { name: 'a second Proxy-Authorization', frame: `proxy-authorization: ${ALICE}\r\n\r\n` },
  { name: 'a version of its own', frame: '\r\n', version: '1.2' },
  { name: 'a version of another wire', frame: '\r\n', version: '2.0' },
  { name: 'no version', frame: '\r\n', version: '0.9' }
]

for (const [about, frames] of Object.entries({ length: LENGTHS, 'transfer coding': CODINGS, chunks: CHUNKS, head: HEADS })) {
  for (const { name, frame, content, version = '1.1' } of frames) {
    const rule = content === undefined ? 'R-SEC-6, R-MSG-1, R-MSG-2, R-MSG-3, R-TGT-7, R-TGT-9' : 'R-SEC-6'
    t.test(`${about}: ${name} (S30, S32, ${rule})`, async t => {
      const whole = new RegExp(`\r\n\r\n(?:${content}|3\r\n${content}\r\n0\r\n\r\n)$`)
      const origin = await rawOrigin(t, socket => {
        const answer = () => { if (whole.test(origin.received[0]!)) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') }
        answer()
        socket.on('data', answer)
      })
      const { port, log } = await gateway(t)
      const client = await RawClient.to(t, port)
      client.send(`POST ${origin.url}/ HTTP/${version}\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\n${frame}`)
      const first = await client.answer()
      if (content === undefined) {
        t.match(first, /^HTTP\/1\.1 400 /)
        t.notOk(origin.received.some(text => text !== ''), 'the origin gets not an octet')
      } else {
        t.match(first, /^HTTP\/1\.1 200 /)
        const [head, body] = origin.received[0]!.split(/\r\n\r\n(.*)/s)
        t.equal(head!.match(/^(?:content-length: 3|transfer-encoding: chunked)$/gm)?.length, 1, 'framed once')
        t.match(body, new RegExp(`^(?:${content}|3\r\n${content}\r\n0\r\n\r\n)$`))
      }
      client.socket.end()
      await client.end()
      t.notMatch([...origin.received, JSON.stringify(log)].join(), /smuggled/)
    })
  }
}

t.test('a request with refused framing: the connection ends, whatever follows (R-CONN-5, R-MSG-1)', async t => {
  const origin = await rawOrigin(t, socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  const { port } = await gateway(t)
  const alices = `GET ${origin.url}/smuggled HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\n\r\n`
  const frames = [
    `Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${alices}`, `Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${alices}`,
    `Content-Length: 9007199254740993\r\n\r\n${alices}`
  ]
  for (const frame of frames) {
    const client = await RawClient.to(t, port)
    await client.send(`POST ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\n${frame}`).end()
    t.equal(client.text.match(/^HTTP\/1\.1 200/gm), null)
  }
  t.strictSame(origin.received, [])
})

t.test('a request that asks to close: nothing behind it is processed (R-CONN-5)', async t => {
  const origin = await rawOrigin(t, socket => socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'))
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  const get = (path: string, fields: string) => `GET ${origin.url}${path} HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\n${fields}\r\n`
  client.send(get('/1', 'Connection: close\r\n'))
  const text = await client.end()
  t.match(text, /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n/)
  const other = await RawClient.to(t, port)
  t.match(await other.send(get('/1', 'Connection: close\r\n') + get('/2', '')).end(), /^HTTP\/1\.1 200 /)
  t.notMatch(origin.received.join(), / \/2 /)
})

t.test('a request head over the limit: 431, before any authentication (R-SEC-3)', async t => {
  const { port, log } = await gateway(t)
  for (const fields of [`X-A: ${'x'.repeat(70_000)}\r\n`, 'X-A: x\r\n'.repeat(10_000)]) {
    const client = await RawClient.to(t, port)
    t.match(await client.send(`GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\n${fields}\r\n`).end(), /^HTTP\/1\.1 431 /)
  }
  const client = await RawClient.to(t, port)
  t.match(await client.send(`GET http://a.test/${'x'.repeat(70_000)} HTTP/1.1\r\nHost: a.test\r\n\r\n`).end(), /^HTTP\/1\.1 431 /)
  t.notMatch(JSON.stringify(log), new RegExp(ALICE.slice(6)))
})

// The same from the other side: an origin that frames its answer in two ways, and what it would like the client to read
// as the answer to the next request.
const POISON = 'HTTP/1.1 200 OK\r\nX-Poison: 1\r\nContent-Length: 0\r\n\r\n'
const ANSWERS: Array<[name: string, answer: string]> = [
  ['two lengths', 'Content-Length: 0\r\nContent-Length: 0\r\n\r\n'],
  ['two that differ', `Content-Length: 0\r\nContent-Length: ${POISON.length}\r\n\r\n${POISON}`],
  ['a list of lengths', 'Content-Length: 3, 3\r\n\r\nabc'],
  ['a sign', 'Content-Length: +3\r\n\r\nabc'],
  ['a negative length', 'Content-Length: -1\r\n\r\n'],
  ['a length beyond 2^64', 'Content-Length: 18446744073709551619\r\n\r\nabc'],
  ['a length and chunks', `Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`],
  ['chunks and a length', `Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n${CHUNKED}`],
  ['gzip under chunks', `Transfer-Encoding: gzip, chunked\r\n\r\n${CHUNKED}`],
  ['gzip', 'Transfer-Encoding: gzip\r\nConnection: close\r\n\r\nabc'],
  ['chunked twice', `Transfer-Encoding: chunked, chunked\r\n\r\n${CHUNKED}`],
  ['a folded line', 'X-A: 1\r\n b\r\nContent-Length: 0\r\n\r\n'],
  ['a space before the colon', 'Content-Length : 0\r\n\r\n'],
  ['an empty name', ': 1\r\nContent-Length: 0\r\n\r\n'],
  ['LF line ends', 'X-A: 1\nContent-Length: 0\n\n'],
  ['CR in a value', 'X-A: a\rX-B: b\r\nContent-Length: 0\r\n\r\n'],
  ['NUL in a value', 'X-A: a\0b\r\nContent-Length: 0\r\n\r\n'],
  ['a control char in a value', 'X-A: a\x01b\r\nContent-Length: 0\r\n\r\n']
]
for (const [name, answer] of ANSWERS) {
  t.test(`an answer with ${name} is 502, and its connection ends (R-MSG-3, R-SEC-5)`, async t => {
    const origin = await rawOrigin(t, socket => socket.write(`HTTP/1.1 200 OK\r\n${answer}`, 'latin1'))
    const { port } = await gateway(t)
    const client = await RawClient.to(t, port)
    const { status, fields, body } = readAnswer(await client.send(`GET ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).answer())
    t.equal(status, 502)
    t.match(fields['proxy-status'], /error=http_protocol_error; request-id="req-\w+"$/)
    t.match(JSON.parse(body), { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
    while (origin.open.size > 0) await new Promise(setImmediate)
  })
}

t.test('octets behind a response: they are not the response to the next request (R-MSG-3, CVE-2026-6733)', async t => {
  const asked: string[] = []
  const origin = await rawOrigin(t, (socket, head) => {
    asked.push(head.split(' ')[1]!)
    socket.write(`HTTP/1.1 200 OK\r\nX-Path: ${asked.at(-1)}\r\nContent-Length: 0\r\n\r\n${POISON}`)
  })
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  for (const path of ['/1', '/2', '/3']) {
    const { fields } = readAnswer(await client.send(`GET ${origin.url}${path} HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).answer())
    t.equal(fields['x-path'], path)
    t.notOk('x-poison' in fields)
  }
})

t.test('a reason phrase with octets that look like the end of a line: it does not end the line (R-SEC-5)', async t => {
  const evil = Buffer.from('\u010d\u010aX-Evil: 1\u010d\u010a\u010d\u010a').toString('latin1')
  const origin = await rawOrigin(t, socket => socket.write(`HTTP/1.1 103 ${evil}\r\n\r\nHTTP/1.1 200 ${evil}\r\nContent-Length: 0\r\n\r\n`, 'latin1'))
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  const text = await client.send(`GET ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`).end()
  t.notMatch(text, /[\r\n]X-Evil/)
  t.equal(text.match(/^HTTP\/1\.1 \d/gm)?.length, 2)
})

t.test('a lenient parser: it is refused at the start (S31)', async t => {
  const { app } = await gateway(t)
  t.notOk((app.server as { insecureHTTPParser?: boolean }).insecureHTTPParser)
  await t.rejects(gateway(t, { fastify: { http: { insecureHTTPParser: true } } as never }), { code: 'FST_PROXY_AUTH_BAD_REGISTRATION' })
})

t.test('what node answers by itself is 400 too, and ends the connection: Host (R-TGT-7, R-NODE-2)', async t => {
  const { port } = await gateway(t)
  const server = createServer((_request, response) => response.end('bare'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const twice = 'GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\nConnection: close\r\n\r\n'
  const bare = await RawClient.to(t, (server.address() as AddressInfo).port)
  t.match(await bare.send(twice).end(), /^HTTP\/1\.1 200 [^]*bare$/, 'node alone accepts two')
  for (const host of ['', 'Host:\r\n', 'Host: a b\r\n', 'Host: a.test/x\r\n', 'Host: u@a.test\r\n', 'Host: a.test\r\nHost: a.test\r\n', 'Host: [::1\r\n', 'Host: a.test:x\r\n']) {
    const client = await RawClient.to(t, port)
    const text = await client.send(`GET http://127.0.0.1:1/ HTTP/1.1\r\n${host}Proxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`).end()
    t.match(text, /^HTTP\/1\.1 400 /, host)
  }
})
