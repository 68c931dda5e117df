import Fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { AddressInfo } from 'node:net'
import { ResponseWriter } from '../../../lib/proxy/message/response-writer.js'
import { RawClient } from '../../fixtures/raw-client.js'

const SOURCE = { pause () {}, resume () {}, abort () {} }

/** What a client gets of a response that is written so. */
async function got (t: Test, write: (writer: ResponseWriter, reply: FastifyReply) => void, line = 'GET / HTTP/1.1', reasons: string[] = []): Promise<string> {
  const app = Fastify({ exposeHeadRoutes: false })
  app.route({
    url: '/',
    method: ['GET', 'HEAD'],
    handler (_request, reply) {
      write(new ResponseWriter(reply, 0, reason => { reasons.push(reason); setImmediate(() => reply.raw.destroy()) }), reply)
    }
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
  return (await client.send(`${line}\r\nHost: a.test\r\nConnection: close\r\n\r\n`).end()).replace(/^Date: .*\r\n/m, '')
}

t.test('a head, content and trailers: they are written in that order', async t => {
  const text = await got(t, writer => {
    t.equal(writer.head(299, 'Fine', ['X-A', '1', 'Trailer', 'X-T']), false)
    writer.data(Buffer.from('abc'), SOURCE)
    writer.end(['X-T', '2'])
    writer.end(['X-T', '3'])
    t.equal(writer.bytesOut, 3)
  })
  t.equal(text, 'HTTP/1.1 299 Fine\r\nX-A: 1\r\nTrailer: X-T\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 2\r\n\r\n')
})

t.test('a response that cannot carry trailers: Trailer is removed, and a 204 has no Content-Length (R-TRL-8)', async t => {
  const fields = ['Trailer', 'X-T', 'Content-Length', '0']
  for (const [status, line] of [[204, 'GET / HTTP/1.1'], [304, 'GET / HTTP/1.1'], [200, 'HEAD / HTTP/1.1'], [200, 'GET / HTTP/1.1'], [200, 'GET / HTTP/1.0']] as const) {
    const text = await got(t, writer => {
      writer.head(status, '', [...fields])
      writer.end([])
    }, line)
    t.notMatch(text, /trailer/i)
    t.equal(/content-length/i.test(text), status !== 204)
  }
})

t.test('a failure: it cuts the response, unless that has ended', async t => {
  const reasons: string[] = []
  await got(t, (writer, { raw }) => {
    writer.head(200, '', ['Content-Length', '3'])
    writer.fail(Object.assign(new Error('x'), { code: 'E_WHY' }))
    raw.destroy()
    writer.fail(Object.assign(new Error('it has gone'), { code: 'E_GONE' }))
  }, undefined, reasons)
  t.match(await got(t, writer => {
    writer.head(204, '', [])
    writer.fail(Object.assign(new Error('late'), { code: 'E_LATE' }))
  }, undefined, reasons), /^HTTP\/1\.1 204 /)
  t.strictSame(reasons, ['E_WHY'])
})

t.test('content that is all there in the turn of its head: goes out with it in one write, octet by octet', async t => {
  const octets = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet))
  for (const fields of [['Content-Length', '256'], []]) {
    const writes: string[] = []
    const text = await got(t, (writer, { raw }) => {
      const { write } = raw.socket!
      raw.socket!.write = function (this: unknown, ...args: unknown[]) {
        writes.push(String(args[0]))
        return Reflect.apply(write, this, args) as boolean
      } as never
      writer.head(200, '', [...fields])
      writer.data(octets, SOURCE)
      writer.end([])
    })
    if (fields.length > 0) t.equal(writes[0]!.includes(octets.toString('latin1')), true)
    t.equal(text.includes(octets.toString('latin1')), true)
  }
})

t.test('more content, trailers, a failure or the next turn of the event loop: what was held goes out first', async t => {
  const first = Buffer.from('first')
  t.match(await got(t, writer => {
    writer.head(200, '', [])
    writer.data(first, SOURCE)
    writer.data(Buffer.from('second'), SOURCE)
    writer.end([])
  }), /first[^]*second/)
  t.match(await got(t, writer => {
    writer.head(200, '', ['Trailer', 'X-T'])
    writer.data(first, SOURCE)
    writer.end(['X-T', '1'])
  }), /first\r\n0\r\nX-T: 1\r\n/)
  t.match(await got(t, writer => {
    writer.head(200, '', ['Content-Length', '9'])
    writer.data(first, SOURCE)
    writer.fail(Object.assign(new Error('x'), { code: 'E' }))
  }), /first$/)
  t.match(await got(t, writer => {
    writer.head(200, '', ['Content-Length', '5'])
    writer.data(first, SOURCE)
    setImmediate(() => writer.end([]))
  }), /first$/)
})

t.test('content that comes on while the client has no room: one wait is enough for all of it', async t => {
  let resumed = 0
  const source = { pause () {}, resume () { resumed += 1 }, abort () {} }
  const text = await got(t, (writer, { raw }) => {
    writer.head(200, '', ['Content-Length', '200000'])
    for (let i = 0; i < 20; i++) writer.data(Buffer.alloc(10_000, 'x'), source)
    t.equal(raw.listenerCount('drain'), 1)
    raw.once('drain', () => setImmediate(() => {
      t.same([resumed, raw.listenerCount('drain')], [1, 0])
      writer.end([])
    }))
  })
  t.ok(text.endsWith('x'.repeat(200_000)))
})

t.test('a response whose end the application has replaced: it is called, also where all the content is there in the turn of the head', async t => {
  for (const fields of [['Content-Length', '5'], []]) {
    const ends: unknown[][] = []
    const text = await got(t, (writer, { raw }) => {
      const { end } = raw
      raw.end = function (this: typeof raw, ...rest: unknown[]) {
        ends.push(rest)
        return Reflect.apply(end, this, rest)
      } as never
      writer.head(200, '', [...fields])
      writer.data(Buffer.from('hello'), SOURCE)
      writer.end([])
    })
    t.match(text, /\r\n\r\n(?:5\r\n)?hello(?:\r\n0\r\n\r\n)?$/)
    t.same(ends, [[]])
  }
})
