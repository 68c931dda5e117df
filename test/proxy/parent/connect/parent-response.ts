import t from 'tap'
import type { Test } from 'tap'
import { Effort } from '../../../../lib/proxy/parent/connect/effort.js'
import { Octets } from '../../../../lib/proxy/parent/connect/octets.js'
import { readResponse, skipContent } from '../../../../lib/proxy/parent/connect/parent-response.js'
import { socketPair } from '../../../fixtures/socket-pair.js'

const PROTOCOL = { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' }

/** What a parent sends, before it ends the connection or not. */
async function sent (t: Test, text: string, ends = true): Promise<Octets> {
  const { near, far } = await socketPair(t)
  const effort = new Effort()
  far.send(text)
  if (ends) far.socket.end()
  return new Octets(effort.hold(near), effort)
}

t.test('the head of a response: version, status and fields are as they came', async t => {
  const rows: Array<[string, unknown]> = [
    ['HTTP/1.1 200 OK\r\n\r\n', { version: '1.1', status: 200, fields: [] }],
    ['HTTP/1.0 407\r\nA:b\r\n\r\n', { version: '1.0', status: 407, fields: ['A', 'b'] }],
    ['HTTP/1.1 599 \xe9\t\r\na: \t b c \t \r\nX: \xff\r\nempty:\r\nblank: \t\r\n\r\n', { version: '1.1', status: 599, fields: ['a', 'b c', 'X', '\xff', 'empty', '', 'blank', ''] }]
  ]
  for (const [text, head] of rows) {
    const octets = await sent(t, `${text}rest\r\n`, false)
    t.strictSame(await readResponse(octets, 1000), head)
    t.equal(await octets.line({ left: 10 }), 'rest')
  }
})

t.test('what could be read in two ways, or is no HTTP: it is refused without a wait for more', async t => {
  const rows = [
    'HTTP/1.1 200 OK\n', 'HTTP/1.1 200 OK\r\n\n', 'HTTP/1.1 200 OK\r\nA: b\n', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n', 'HTTP/1.1 200 OK\r\nA : b\r\n',
    'HTTP/1.1 200 OK\r\n: b\r\n', 'HTTP/1.1 200 OK\r\nno field\r\n', 'HTTP/1.1 200 OK\r\nA: b\rc\r\n', 'HTTP/1.1 200 OK\r\nA: \0\r\n', 'HTTP/1.1 200 O\0K\r\n',
    'HTTP/1.1 2000 OK\r\n', 'HTTP/1.1 099 OK\r\n', 'HTTP/1.1 600 OK\r\n', 'HTTP/1.1 20 OK\r\n', 'HTTP/1.1  200 OK\r\n', 'HTTP/1.2 200 OK\r\n', 'HTTP/2 200\r\n',
    '\r\nHTTP/1.1 200 OK\r\n', 'SSH-2.0-x', 'http/1.1 200 OK\r\n', '\x15\x03\x03', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'
  ]
  for (const text of rows) await t.rejects(readResponse(await sent(t, text, false), 1000), PROTOCOL, JSON.stringify(text))
})

t.test('interim responses: those before the final one are left out, up to a limit', async t => {
  const interim = 'HTTP/1.1 100 Continue\r\nA: b\r\n\r\n'
  t.match(await readResponse(await sent(t, `${interim.repeat(16)}HTTP/1.1 200 OK\r\n\r\n`), 10_000), { status: 200, fields: [] })
  await t.rejects(readResponse(await sent(t, `${interim.repeat(17)}HTTP/1.1 200 OK\r\n\r\n`), 10_000), PROTOCOL)
})

t.test('heads that are too large, one or several together: they are refused before they have an end', async t => {
  const large = { code: 'FST_PROXY_AUTH_UPSTREAM_HEAD_TOO_LARGE' }
  await t.rejects(readResponse(await sent(t, `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(1000)}`, false), 1000), large)
  await t.rejects(readResponse(await sent(t, 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(10), false), 200), large)
})

t.test('a connection that ends: without a word there is no response, within a head it is lost', async t => {
  t.equal(await readResponse(await sent(t, ''), 1000), null)
  for (const text of ['H', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 Continue\r\n\r\n']) {
    await t.rejects(readResponse(await sent(t, text), 1000), { code: 'FST_PROXY_AUTH_UPSTREAM_TERMINATED' }, JSON.stringify(text))
  }
})

t.test('a refusal whose content has a certain end: it is read, and the connection can be used again', async t => {
  const rows: Array<[string, boolean]> = [
    ['1.1\r\nContent-Length: 4\r\n\r\nbody', true],
    ['1.1\r\nContent-Length: 0\r\n\r\n', true],
    ['1.1\r\nTransfer-Encoding: Chunked\r\n\r\n4;a="b"\r\nbody\r\n2 \r\nbo\r\n0\r\nTrailer: x\r\n\r\n', true],
    ['1.0\r\nProxy-Connection: Keep-Alive\r\nContent-Length: 4\r\n\r\nbody', true],
    ['1.0\r\nConnection: x, keep-alive\r\nContent-Length: 4\r\n\r\nbody', true],
    // It is not kept.
    ['1.0\r\nContent-Length: 4\r\n\r\nbody', false],
    ['1.1\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody', false],
    ['1.1\r\nProxy-Connection: x , Close\r\nContent-Length: 4\r\n\r\nbody', false],
    // Where its content ends is not certain.
    ['1.1\r\n\r\nbody', false],
    ['1.1\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody', false],
    ['1.1\r\nContent-Length: 4, 4\r\n\r\nbody', false],
    ['1.1\r\nContent-Length: -4\r\n\r\nbody', false],
    ['1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', false],
    ['1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', false],
    ['1.1\r\nTransfer-Encoding: identity\r\n\r\n', false],
    ['1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', false],
    // Its content is not what it says.
    ['1.1\r\nContent-Length: 5\r\n\r\nbody', false],
    ['1.1\r\nContent-Length: 3\r\n\r\nbody', false],
    ['1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody!\r\n0\r\n\r\n', false],
    ['1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbodybody\r\n', false],
    ['1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x4\r\nbody\r\n0\r\n\r\n', false],
    ['1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n', false],
    ['1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\nbody\r\n0\r\n\r\n', false],
    // It is too much.
    ['1.1\r\nContent-Length: 262145\r\n\r\n', false],
    ['1.1\r\nContent-Length: 99999999999999999999\r\n\r\n', false],
    ['1.1\r\nTransfer-Encoding: chunked\r\n\r\n40001\r\n', false],
    ['1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n', false],
    [`1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${`A: ${'b'.repeat(1000)}\r\n`.repeat(270)}`, false]
  ]
  for (const [text, isKept] of rows) {
    const octets = await sent(t, `HTTP/1.1 407 x\r\n${text.slice(5)}`.replace('1.1', text.slice(0, 3)))
    t.equal(await skipContent((await readResponse(octets, 1000))!, octets), isKept, JSON.stringify(text.slice(0, 100)))
  }
})
