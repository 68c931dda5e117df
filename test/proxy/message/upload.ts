import type { ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { onExtendedConnect } from '../../../lib/proxy/upgrade/extended-connect.js'
import { routeUpgrade } from '../../../lib/proxy/upgrade/upgrade.js'
import { requestContent } from '../../../lib/proxy/message/upload.js'
import { announcing } from '../../fixtures/announcing.js'
import { extended } from '../../fixtures/extended-socket.js'
import { streamPair } from '../../fixtures/stream-pair.js'

function request (members: object): never {
  return Object.assign(Readable.from([Buffer.from('con'), Buffer.from('tent')]), { headers: {}, ...members }) as never
}

async function all (upload: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const chunks: Buffer[] = []
  for await (const chunk of upload) chunks.push(chunk)
  return chunks
}

t.test('content that HTTP/1.1 announces', async t => {
  const tally = { bytesIn: 0 }
  const upload = requestContent(request({ headers: { 'content-length': '7' } }), tally, 0)
  t.equal(Buffer.concat(await all(upload!)).toString(), 'content')
  t.equal(tally.bytesIn, 7)
  t.equal(requestContent(request({}), tally, 0), null)
})

t.test('content that HTTP/2 frames, without a length', async t => {
  const tally = { bytesIn: 0 }
  const upload = requestContent(request({ stream: { endAfterHeaders: false, rstCode: 0 } }), tally, 0)
  t.equal(Buffer.concat(await all(upload!)).toString(), 'content')
  t.equal(tally.bytesIn, 7)
  t.equal(requestContent(request({ stream: { endAfterHeaders: true }, headers: { 'content-length': '0' } }), tally, 0), null)
})

t.test('what comes on a stream of another protocol is no content', async t => {
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

t.test('content that was read before and kept', async t => {
  const tally = { bytesIn: 0 }
  for (const members of [{ headers: { 'content-length': '7' } }, { stream: { endAfterHeaders: false, rstCode: 0 } }]) {
    const upload = requestContent(request(members), tally, 0, Readable.from([Buffer.from('kept')]))
    t.equal(Buffer.concat(await all(upload!)).toString(), 'kept')
  }
  t.equal(tally.bytesIn, 8)
})

t.test('a client that sends nothing for too long is cut off', async t => {
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

t.test('what node calls the end of content that was reset is none', async t => {
  const upload = requestContent(request({ stream: { endAfterHeaders: false, rstCode: constants.NGHTTP2_CANCEL } }), { bytesIn: 0 }, 0)!
  await t.rejects(all(upload), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
})

t.test('content of HTTP/2 that is cut is not taken for all of it', async t => {
  const { request, far } = await streamPair(t)
  far.write('half')
  const upload = requestContent(request, { bytesIn: 0 }, 0)!
  t.equal(String((await upload.next()).value), 'half')
  far.destroy()
  await t.rejects(upload.next(), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
})
