import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { propagateReset } from '../../../lib/platform/abort.js'
import { websocketStream } from '../../../lib/proxy/upgrade/websocket-stream.js'
import type { Upgrade } from '../../../lib/proxy/message/upgrade.js'
import { announcing } from '../../fixtures/announcing.js'
import { extended } from '../../fixtures/extended-socket.js'
import type { Http2Client } from '../../fixtures/http2-client.js'

const UPSTREAM_PROTOCOL = { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' }

interface Asked { upgrade: Upgrade, request: IncomingMessage, response: ServerResponse, reply: FastifyReply, accept: string }

async function lab (t: Test, asked: (asked: Asked) => void): Promise<Http2Client> {
  return await announcing(t, server => {
    server.on('connect', (request, socket) => {
      const response = socket as unknown as ServerResponse
      const upgrade = websocketStream(request, response, ['websocket'])
      const reply = { raw: response, getHeader: (name: string) => name === 'proxy-authentication-info' ? 'nextnonce="n"' : undefined, hijack () {} } as never
      const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      asked({ upgrade, request, response, reply, accept })
    })
  })
}

t.test('a handshake for an HTTP/2 stream: it has a key of ours, and the 200 nothing of the accept value (R-XC-1)', async t => {
  const client = await lab(t, ({ upgrade, request, reply, accept }) => {
    t.match(upgrade, { protocols: ['websocket'], whenEnded: undefined })
    t.equal(upgrade.head.length, 0)
    const { headers, rawHeaders } = request
    t.notOk(rawHeaders.includes('theirs'))
    t.strictSame(rawHeaders.slice(-2), ['sec-websocket-key', headers['sec-websocket-key']])
    t.equal(Buffer.from(headers['sec-websocket-key']!, 'base64').length, 16)
    const side = upgrade.open(reply, ['X-Own', '1', 'SEC-WebSocket-Accept', accept, 'Sec-WebSocket-Protocol', 'a'], ['websocket'])
    side.pipe(side)
  })
  const stream = client.send({ ...extended('a.test', '/'), 'sec-websocket-key': 'theirs', 'x-own': '1' }, null)
  const [{ date, ...fields }] = await once(stream, 'response')
  t.strictSame(Object.entries(fields), [[':status', 200], ['x-own', '1'], ['sec-websocket-protocol', 'a'], ['proxy-authentication-info', 'nextnonce="n"']])
  stream.setEncoding('latin1').end('there and back')
  t.equal((await once(stream, 'data'))[0], 'there and back')
})

t.test('a 101 without the accept value of our key: it fails, and any other response can be written', async t => {
  for (const fields of [[], ['Sec-WebSocket-Accept', 'x'], ['Sec-WebSocket-Accept', 'x', 'sec-websocket-accept', 'y']]) {
    const client = await lab(t, ({ upgrade, reply, response }) => {
      t.throws(() => upgrade.open(reply, fields, ['websocket']), UPSTREAM_PROTOCOL)
      response.writeHead(502).end('no')
    })
    t.match(await client.ask(extended('a.test', '/')), { status: 502, body: 'no' })
  }
})

t.test('no other success gets out: it is a refusal (R-CONNECT-5)', async t => {
  const client = await lab(t, ({ response }) => { response.writeHead(204, ['X-Own', '1'] as never).end('hello') })
  t.match(await client.ask(extended('a.test', '/')), { status: 403, body: 'hello' })
  const unsendable = await lab(t, ({ upgrade, reply, response, accept }) => {
    t.throws(() => upgrade.open(reply, ['X Own', '1', 'Sec-WebSocket-Accept', accept], ['websocket']), { code: 'ERR_INVALID_HTTP_TOKEN' })
    response.end('still not')
  })
  t.match(await unsendable.ask(extended('a.test', '/')), { status: 403, body: 'still not' })
  const relayed = await lab(t, ({ response }) => { response.writeHead(404, ['X-Own', '1'] as never).end('no') })
  t.match(await relayed.ask(extended('a.test', '/')), { status: 404, fields: { 'x-own': '1' }, body: 'no' })
})

t.test('trailers or a reset on the stream: trailers end it, and a reset becomes a CANCEL (R-H2-4)', async t => {
  const client = await lab(t, ({ upgrade, reply, accept }) => {
    const side = upgrade.open(reply, ['Sec-WebSocket-Accept', accept], ['websocket'])
    side.on('data', data => { if (String(data) === 'reset') propagateReset(side) })
  })
  const reading = client.session.request(extended('a.test', '/'), { endStream: false, waitForTrailers: true })
  reading.on('wantTrailers', () => reading.sendTrailers({ 'x-a': '1' }))
  reading.end('x')
  t.match(await once(reading, 'error'), [{ message: /PROTOCOL_ERROR/ }])
  const stream = client.send(extended('a.test', '/'), null)
  stream.write('reset')
  await new Promise(resolve => stream.once('close', resolve))
  t.equal(stream.rstCode, constants.NGHTTP2_CANCEL)
})
