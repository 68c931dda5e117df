// An origin sends content without a length to a client of HTTP/2 that takes nothing, and ends the connection: undici had stopped
// reading, took the end for impossible and threw in an event of the socket. The process ended.

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
  /** Of each write, in octets. */
  readonly sizes: readonly number[]
  /** The client sees that the content is not whole. */
  readonly isReset: boolean
}

/** What is waited behind: the last octet of it stops undici, and nothing is left that it has not read. */
const MARK = getDefaultHighWaterMark(false)

const CASES: readonly Case[] = [
  { form: 'forward', status: 200, sizes: [MARK], isReset: true },
  { form: 'forward', status: 205, sizes: [7], isReset: false },
  { form: 'reverse', status: 200, sizes: [MARK], isReset: true }
]

for (const { form, status, sizes, isReset } of CASES) {
  t.test(`${form}: an origin ends behind a ${status} whose content the client does not take: the process lives`, async t => {
    let ended: Promise<unknown> | undefined
    const target = await rawOrigin(t, socket => {
      ended = once(socket, 'close')
      socket.write(`HTTP/1.1 ${status} A\r\n\r\n`)
      const [first, ...others] = sizes.map(size => 'x'.repeat(size))
      socket.write(first!)
      for (const [index, text] of others.entries()) setTimeout(() => socket.write(text), 50 * (index + 1))
      setTimeout(() => socket.end(), 50 * sizes.length)
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
    if (isReset) {
      await closed
      t.not(stream.rstCode, 0)
    }
    session.destroy()
    const client = await Http2Client.to(t, gate.url)
    t.match(await client.ask({ ':path': '/none' }), { status: 404 })
  })
}
