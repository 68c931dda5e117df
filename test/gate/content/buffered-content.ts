import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, constants, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import t from 'tap'
import type { Test } from 'tap'
import { ContentKeeper, mayHaveContent } from '../../../lib/gate/content/buffered-content.js'
import type { KeptContent, KeepLimits } from '../../../lib/gate/content/buffered-content.js'
import { openFiles } from '../../fixtures/open-files.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { streamPair } from '../../fixtures/stream-pair.js'
import type { StreamPair } from '../../fixtures/stream-pair.js'
import { until } from '../../fixtures/until.js'

const LIMITS: KeepLimits = { maxRequest: 1_000_000, maxKept: 1_500_000, maxPerAddress: 1_500_000, contentTimeout: 60_000, contentDuration: 0 }
const head = (fields: string) => `POST / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`
const chunked = (...parts: string[]) => [...parts, ''].map(part => `${part.length.toString(16)}\r\n${part}\r\n`).join('')
const hashOf = (name: string, content: string | Buffer) => createHash(name).update(content).digest('hex')

interface Incoming {
  readonly client: RawClient
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** A client that has sent `text`, and what the server made of its first request. */
async function receive (t: Test, text: string): Promise<Incoming> {
  const server = createServer()
  const client = await RawClient.to(t, await listen(t, server))
  client.send(text)
  const [request, response] = await once(server, 'request') as [IncomingMessage, ServerResponse]
  return { client, request, response }
}

async function textOf (kept: KeptContent): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of kept.open()) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('latin1')
}

/** Gives a test its own folder for temporary files: other files of tests run beside this one. */
function ownTmpdir (t: Test, path: string): void {
  const { TMPDIR } = process.env
  t.teardown(() => { if (TMPDIR === undefined) delete process.env['TMPDIR']; else process.env['TMPDIR'] = TMPDIR })
  process.env['TMPDIR'] = path
}

t.test('the framing of a request: it tells whether there may be content to read', async t => {
  for (const [fields, expected] of [
    ['', false], ['Content-Length: 0\r\n', false], ['Content-Length: 3\r\n', true], ['Transfer-Encoding: chunked\r\n', true]
  ] as const) {
    const { request } = await receive(t, head(fields))
    t.equal(mayHaveContent(request), expected, fields)
  }
  const { request } = await receive(t, `${head('Content-Length: 3\r\n')}abc`)
  request.read()
  t.equal(mayHaveContent(request), false, 'somebody has read it')
  for (const connect of [{ method: 'CONNECT', headers: {} }]) {
    t.equal(mayHaveContent({ ...connect, httpVersionMajor: 2, readableDidRead: false } as unknown as IncomingMessage), false, 'it is a tunnel\'s')
  }
})

for (const [name, fields, wire] of [
  ['with a length', 'Content-Length: 6\r\n', 'abcdef'], ['in chunks (R-DIG-45)', 'Transfer-Encoding: chunked\r\n', chunked('abc', 'd', 'ef')]
] as const) {
  t.test(`content ${name} is read to its end, hashed, and can be read again and again`, async t => {
    const { client, request, response } = await receive(t, head(fields) + wire.slice(0, 4))
    const listeners = request.socket.listenerCount('close')
    const keeping = new ContentKeeper(LIMITS).keep(request, response, ['sha256', 'md5'])
    client.send(wire.slice(4))
    const kept = await keeping
    t.same(kept.hashes, { sha256: hashOf('sha256', 'abcdef'), md5: hashOf('md5', 'abcdef') })
    t.equal(kept.length, 6)
    t.equal(await textOf(kept), 'abcdef')
    t.equal(await textOf(kept), 'abcdef')
    response.end()
    await client.answer()
    t.equal(await textOf(kept), '', 'it goes with the answer')
    t.ok(request.socket.listenerCount('close') < listeners, 'and leaves nothing on the connection, where node itself had one')
  })
}

t.test('the hash of content: it is of octets, not of text, and without content it is that of nothing', async t => {
  const content = 'J\u00e4 \u0000\u00ff'
  const { request, response } = await receive(t, head(`Content-Length: ${content.length}\r\n`) + content)
  const kept = await new ContentKeeper(LIMITS).keep(request, response, ['sha512-256'])
  t.same(kept.hashes, { 'sha512-256': hashOf('sha512-256', Buffer.from(content, 'latin1')) })
  const empty = await receive(t, head('Transfer-Encoding: chunked\r\n') + chunked())
  t.same((await new ContentKeeper(LIMITS).keep(empty.request, empty.response, ['md5'])).hashes, { md5: hashOf('md5', '') })
})

t.test('content of more than 64 KiB: it goes to a file without a name, which no other user may read', async t => {
  ownTmpdir(t, t.testdir({}))
  const content = randomBytes(300_000).toString('latin1')
  for (const size of [64 * 1024, 64 * 1024 + 1, content.length]) {
    const { client, request, response } = await receive(t, head(`Content-Length: ${size}\r\n`) + content.slice(0, size))
    const kept = await new ContentKeeper(LIMITS).keep(request, response, ['md5'])
    t.same(openFiles(), size > 64 * 1024 ? ['600'] : [])
    t.same(readdirSync(tmpdir()), [])
    t.equal(kept.hashes['md5'], hashOf('md5', Buffer.from(content.slice(0, size), 'latin1')))
    t.ok(await textOf(kept) === content.slice(0, size))
    const [one, two] = await Promise.all([textOf(kept), textOf(kept)])
    t.ok(one === two && one.length === size, 'two readers do not disturb each other')
    response.end()
    await client.answer()
    await until(() => openFiles().length === 0)
  }
})

t.test('a reader that is left behind when its content is released: it does not end the process', async t => {
  const { request, response } = await receive(t, head('Content-Length: 200000\r\n') + 'x'.repeat(200_000))
  const kept = await new ContentKeeper(LIMITS).keep(request, response, [])
  const reader = kept.open()
  await once(reader, 'readable')
  kept.release()
  kept.release()
  await until(() => openFiles().length === 0)
  const closed = new Promise<void>(resolve => reader.on('close', resolve)) // and nobody listens for `error`
  reader.resume()
  await closed
  t.ok(reader.errored)
})

t.test('a length beyond the limit: it is refused before anything is read (R-DIG-45)', async t => {
  const { client, request, response } = await receive(t, head('Content-Length: 1000001\r\nExpect: 100-continue\r\n'))
  await t.rejects(new ContentKeeper(LIMITS).keep(request, response, ['md5']), { code: 'FST_PROXY_AUTH_CONTENT_TOO_LARGE', statusCode: 413 })
  t.equal(request.readableDidRead, false)
  response.end('why')
  t.match(await client.end(), /why$/)
})

t.test('chunks beyond the limit: they are refused once they exceed it, and the connection lives', async t => {
  const { client, request, response } = await receive(t, head('Transfer-Encoding: chunked\r\n') + chunked('x'.repeat(100), 'y'))
  const keeper = new ContentKeeper({ ...LIMITS, maxRequest: 100 })
  await t.rejects(keeper.keep(request, response, ['md5']), { code: 'FST_PROXY_AUTH_CONTENT_TOO_LARGE' })
  t.equal(request.destroyed, false)
  response.end('why')
  t.match(await client.answer(), /why$/)
  const exact = await receive(t, head('Content-Length: 100\r\n') + 'x'.repeat(100))
  t.equal((await keeper.keep(exact.request, exact.response, [])).length, 100)
})

t.test('the kept content of all requests together: it has a limit, and more of it gets 503', async t => {
  const some = async (size: number): Promise<[IncomingMessage, ServerResponse]> => {
    const { request, response } = await receive(t, head(`Content-Length: ${size}\r\n`) + 'x'.repeat(size))
    return [request, response]
  }
  const keeper = new ContentKeeper({ ...LIMITS, maxKept: 250_000 })
  const big = head('Content-Length: 200000\r\n') + 'x'.repeat(200_000)
  const first = await receive(t, big)
  await keeper.keep(first.request, first.response, [])
  const second = await receive(t, big)
  await t.rejects(keeper.keep(second.request, second.response, []), { code: 'FST_PROXY_AUTH_CONTENT_NOT_KEPT', statusCode: 503 })
  t.equal(openFiles().length, 1)
  t.equal(keeper.kept, 200_000)
  first.response.end()
  await first.client.answer()
  const third = await receive(t, big)
  await t.resolves(keeper.keep(third.request, third.response, []), 'what was let go of makes room')
  const kept = await keeper.keep(...await some(50_000), [])
  await t.rejects(keeper.keep(...await some(1), []), { code: 'FST_PROXY_AUTH_CONTENT_NOT_KEPT' })
  kept.release()
  kept.release()
  await t.resolves(keeper.keep(...await some(50_000), []))
  await t.rejects(keeper.keep(...await some(1), []), { code: 'FST_PROXY_AUTH_CONTENT_NOT_KEPT' }, 'and makes it once')
  third.response.destroy()
  await until(() => openFiles().length === 0)
})

t.test('the kept content of one address: it has a share of the room, which comes back on release (F-23)', async t => {
  const keeper = new ContentKeeper({ ...LIMITS, maxPerAddress: 100 })
  const some = async (size: number, address?: string): Promise<KeptContent> => {
    const { request, response } = await receive(t, head(`Content-Length: ${size}\r\n`) + 'x'.repeat(size))
    return await keeper.keep(request, response, [], address)
  }
  const kept = await some(60, 'one')
  await t.rejects(some(41, 'one'), { code: 'FST_PROXY_AUTH_CONTENT_NOT_KEPT', statusCode: 503 })
  const more = await some(40, 'one')
  t.equal((await some(100, 'two')).length, 100)
  t.equal((await some(1000)).length, 1000, 'of no address: no share')
  kept.release()
  await t.rejects(some(61, 'one'), { code: 'FST_PROXY_AUTH_CONTENT_NOT_KEPT' })
  more.release()
  t.equal((await some(100, 'one')).length, 100)
})

t.test('content that comes octet by octet: it takes no more memory than its size (F-23)', async t => {
  const content = randomBytes(70_000).toString('latin1')
  for (const size of [3, 5000, 64 * 1024, content.length]) {
    const { request, response } = await receive(t, head('Transfer-Encoding: chunked\r\n') + chunked(...content.slice(0, size)))
    const kept = await new ContentKeeper(LIMITS).keep(request, response, ['md5'])
    t.equal(kept.hashes['md5'], hashOf('md5', Buffer.from(content.slice(0, size), 'latin1')))
    t.ok(await textOf(kept) === content.slice(0, size), `${size} octets`)
    const pieces: Buffer[] = []
    for await (const piece of kept.open()) pieces.push(piece as Buffer)
    t.equal(pieces.length, size > 64 * 1024 ? 2 : 1)
    response.destroy()
  }
  await until(() => openFiles().length === 0)
})

t.test('content that comes without a pause: it is cut when its time is up (F-23)', async t => {
  const { client, request, response } = await receive(t, head('Content-Length: 100000\r\n') + 'abc')
  const dripping = setInterval(() => client.send('x'), 5)
  t.teardown(() => clearInterval(dripping))
  await t.rejects(new ContentKeeper({ ...LIMITS, contentTimeout: 10_000, contentDuration: 50 }).keep(request, response, []), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
})

t.test('a client that leaves: its content goes with it', async t => {
  const keeper = new ContentKeeper({ ...LIMITS, maxKept: 200_000 }) // room for one
  for (const when of ['within', 'behind']) {
    const { client, request, response } = await receive(t, head('Content-Length: 200000\r\n') + 'x'.repeat(when === 'within' ? 199_999 : 200_000))
    const keeping = keeper.keep(request, response, ['md5'])
    if (when === 'within') {
      await until(() => openFiles().length === 1)
      client.socket.destroy()
      await t.rejects(keeping, { code: 'FST_PROXY_AUTH_CLIENT_LEFT', cause: Error })
    } else {
      await keeping
      t.equal(openFiles().length, 1)
      client.socket.destroy()
    }
    await until(() => openFiles().length === 0)
  }
})

t.test('a client that leaves before the turn of its response: its content goes as well (pipelining)', async t => {
  const server = createServer()
  const client = await RawClient.to(t, await listen(t, server))
  const incoming: Array<[IncomingMessage, ServerResponse]> = []
  server.on('request', (request, response) => incoming.push([request, response]))
  client.send(`GET / HTTP/1.1\r\nHost: a.test\r\n\r\n${head('Content-Length: 70000\r\n')}${'x'.repeat(70_000)}`)
  await until(() => incoming.length === 2)
  const [request, response] = incoming[1]!
  const listeners = request.socket.listenerCount('close')
  await new ContentKeeper(LIMITS).keep(request, response, [])
  t.equal(openFiles().length, 1)
  t.equal(request.socket.listenerCount('close'), listeners + 1)
  client.socket.destroy()
  await until(() => openFiles().length === 0)
  t.equal(request.socket.listenerCount('close') <= listeners, true)
})

t.test('a client that was gone before: nothing is kept', async t => {
  const { client, request, response } = await receive(t, head('Content-Length: 70000\r\n') + 'x'.repeat(70_000))
  response.destroy()
  await client.end()
  await t.rejects(new ContentKeeper(LIMITS).keep(request, response, []), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  const other = await receive(t, head('Content-Length: 3\r\n') + 'abc')
  const keeping = new ContentKeeper(LIMITS).keep(other.request, other.response, [])
  other.response.destroyed = true
  const kept = await keeping
  t.equal(await textOf(kept), '')
})

t.test('a client that sends nothing more: its connection is cut', async t => {
  const { client, request, response } = await receive(t, head('Content-Length: 4\r\n') + 'abc')
  await t.rejects(new ContentKeeper({ ...LIMITS, contentTimeout: 20 }).keep(request, response, []), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  t.equal(await client.end(), '')
  const refreshed: string[] = []
  const { setTimeout } = globalThis
  const slow = await receive(t, head('Content-Length: 4\r\n') + 'ab')
  globalThis.setTimeout = ((run: () => void, time: number) => {
    const handle = setTimeout(run, time)
    const refresh = handle.refresh.bind(handle)
    return Object.assign(handle, { refresh: () => { refreshed.push('once more'); return refresh() } })
  }) as typeof setTimeout
  const reading = new ContentKeeper(LIMITS).keep(slow.request, slow.response, [])
  globalThis.setTimeout = setTimeout
  await until(() => refreshed.length === 1)
  slow.client.send('cd')
  await reading
  t.equal(refreshed.length, 2, 'silence is counted from the last octets')
  const patient = await receive(t, head('Content-Length: 4\r\n') + 'abc')
  const keeping = new ContentKeeper({ ...LIMITS, contentTimeout: 0 }).keep(patient.request, patient.response, [])
  patient.client.send('d')
  t.equal((await keeping).length, 4)
})

t.test('a disk that takes nothing: the failure is not blamed on the client', async t => {
  ownTmpdir(t, `${t.testdir({})}/nowhere`)
  const { request, response } = await receive(t, head('Content-Length: 70000\r\n') + 'x'.repeat(70_000))
  await t.rejects(new ContentKeeper(LIMITS).keep(request, response, []), { code: 'FST_PROXY_AUTH_CONTENT_NOT_KEPT', cause: { code: 'ENOENT' } })
})

t.test('a request over HTTP/2, which need not announce content: what comes is read and hashed', async t => {
  const server = createHttp2Server()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => { session.destroy(); server.close() })
  for (const content of ['abc', '']) {
    const stream = session.request({ ':method': 'POST' }, { endStream: content === '' })
    if (content !== '') stream.end(content)
    const [request, response] = await once(server, 'request') as unknown as [IncomingMessage, ServerResponse]
    t.equal(mayHaveContent(request), true)
    const kept = await new ContentKeeper(LIMITS).keep(request, response, ['md5'])
    t.same(kept.hashes, { md5: hashOf('md5', content) })
    stream.resume()
    response.end()
    await once(stream, 'close')
    if (content !== '') await until(async () => await textOf(kept) === '')
  }
})

t.test('a reset within content over HTTP/2, or a client that goes at its end: nothing is kept', async t => {
  const keeper = new ContentKeeper({ ...LIMITS, maxKept: LIMITS.maxRequest })
  const goes = [
    (pair: StreamPair) => { pair.request.once('end', () => { pair.near.destroy() }) },
    (pair: StreamPair) => { pair.request.once('end', () => { pair.near.close(constants.NGHTTP2_NO_ERROR) }) }
  ]
  for (const go of goes) {
    const pair = await streamPair(t)
    pair.far.end(Buffer.alloc(200_000))
    go(pair)
    await t.rejects(keeper.keep(pair.request, pair.response, []), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
    await until(() => openFiles().length === 0)
  }
  const pair = await streamPair(t)
  pair.far.write('half of it')
  const aborted = once(pair.near, 'aborted')
  pair.far.close(constants.NGHTTP2_CANCEL)
  await aborted
  await t.rejects(keeper.keep(pair.request, pair.response, []), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  const { request, response, far } = await streamPair(t)
  far.end(Buffer.alloc(LIMITS.maxRequest))
  t.equal((await keeper.keep(request, response, [])).length, LIMITS.maxRequest, 'all the room is there')
})
