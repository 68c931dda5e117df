// An origin sends content to a client of HTTP/2 that takes nothing yet, and ends the connection. Undici had stopped reading: without a
// length it threw in an event of the socket, and the process ended; with a length it took the response for one that was cut.

import { once } from 'node:events'
import { connect } from 'node:http2'
import { getDefaultHighWaterMark } from 'node:stream'
import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'

interface Case {
  readonly form: 'forward' | 'reverse'
  readonly status: number
  readonly length: number
  /** Of the response, beside none for its length. */
  readonly fields?: string
}

/** What is waited behind: the last octet of it stops undici, and nothing is left that it has not read. */
const MARK = getDefaultHighWaterMark(false)

const CASES: readonly Case[] = [
  { form: 'forward', status: 200, length: MARK },
  { form: 'forward', status: 200, length: MARK, fields: `Content-Length: ${MARK}\r\n` },
  { form: 'forward', status: 200, length: MARK, fields: `Content-Length: ${MARK}\r\nConnection: close\r\n` },
  { form: 'forward', status: 200, length: 20 * MARK },
  { form: 'forward', status: 205, length: 7 },
  { form: 'reverse', status: 200, length: MARK },
  { form: 'reverse', status: 200, length: MARK, fields: `Content-Length: ${MARK}\r\n` },
  { form: 'reverse', status: 200, length: 20 * MARK, fields: `Content-Length: ${20 * MARK}\r\n` }
]

for (const { form, status, length, fields = '' } of CASES) {
  t.test(`${form}: an origin ends behind a ${status} of ${length} octets, ${fields.replaceAll('\r\n', ', ')}that the client does not take yet: it is whole when it does`, async t => {
    let ended: Promise<unknown> | undefined
    const target = await rawOrigin(t, socket => {
      ended = once(socket, 'finish')
      socket.write(`HTTP/1.1 ${status} A\r\n${fields}\r\n`)
      socket.write('x'.repeat(length))
      setTimeout(() => socket.end(), 50)
    })
    const gate = await gateway(t, { fastify: { http2: true } as never, reverse: [{ prefix: '/api', upstream: target.url }] })
    const session = connect(gate.url, { settings: { initialWindowSize: 0 } })
    session.on('error', () => {})
    t.teardown(() => { session.destroy() })
    const stream = session.request({ ...form === 'reverse' ? { ':path': '/api/x' } : { ':authority': target.authority, ':scheme': 'http', ':path': '/x' }, 'proxy-authorization': ALICE })
    stream.on('error', () => {})
    const closed = new Promise(resolve => stream.once('close', resolve))
    const [head] = await once(stream, 'response') as [Record<string, unknown>]
    t.equal(head[':status'], status)
    await ended
    await new Promise(resolve => setTimeout(resolve, 50)) // in which nothing tells of what the gateway does with that
    let got = 0
    stream.on('data', (chunk: Buffer) => { got += chunk.length })
    session.settings({ initialWindowSize: 1_000_000 })
    await closed
    t.strictSame([got, stream.rstCode], [status === 205 ? 0 : length, 0])
    session.destroy()
    const client = await Http2Client.to(t, gate.url)
    t.match(await client.ask({ ':path': '/none' }), { status: 404 })
  })
}
