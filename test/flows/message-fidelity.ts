import { once } from 'node:events'
import type { ClientRequest } from 'node:http'
import { constants } from 'node:http2'
import type { ClientHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import t from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'
import { scriptedOrigin } from '../fixtures/scripted-origin.js'
import type { Script, ScriptedOrigin } from '../fixtures/scripted-origin.js'
import { until } from '../fixtures/until.js'
import { waysIn } from '../fixtures/ways-in.js'
import type { Reply, WayIn } from '../fixtures/ways-in.js'

t.setTimeout(600_000)

// The same messages by every way in: reverse and forward, HTTP/1.1 and HTTP/2, in the clear and over TLS.

const OK = 'HTTP/1.1 200 OK\r\nDate: x\r\n'
/** What the connection behind an answer is tried with. */
const PING = { '/ok': `${OK}Content-Length: 2\r\n\r\nok` }
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`
/** Says something, and resets the connection when that has arrived. */
const thenReset = (text: string): Script => socket => { socket.write(text, () => setTimeout(() => socket.resetAndDestroy(), 30)) }
const thenEnd = (text: string): Script => socket => { socket.end(text) }
/** Says something and ends, once the content has come, which is `body`. Each request for it is on a connection of its own. */
const behindBody = (text: string, upstream: () => ScriptedOrigin): Script => socket => {
  const answer = () => { if (/\r\n\r\nbody$|\r\n0\r\n\r\n$/.test(upstream().received.at(-1)!)) socket.end(text) }
  answer()
  socket.on('data', answer)
}
const TAKEN = `${OK}Connection: close\r\nContent-Length: 5\r\n\r\ntaken`

interface Row {
  method?: string
  says: Script
  /** What the client gets. */
  reply: Partial<Reply>
}

const ROWS: Record<string, Row> = {
  'interim answers of any kind (R-FWD-5)': {
    says: `HTTP/1.1 103 E\r\nLink: </a>\r\nLink: </b>\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 199 O\r\nX: 1\r\n\r\n${PING['/ok']}`,
    reply: { status: 200, body: 'ok', interim: [{ status: 103, fields: { link: '</a>, </b>' } }, { status: 102, fields: {} }, { status: 199, fields: { x: '1' } }] }
  },
  'an interim response that frames content (F-17)': {
    says: `HTTP/1.1 103 E\r\nLink: </a>\r\nContent-Length: 50\r\nTrailer: X-T\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n${PING['/ok']}`,
    reply: { status: 200, body: 'ok', interim: [{ status: 103, fields: { link: '</a>', 'content-length': undefined, trailer: undefined, 'x-hop': undefined } }] }
  },
  'several lines of Location (F-18)': {
    says: 'HTTP/1.1 302 F\r\nLocation: http://a.test/1\r\nLocation: http://a.test/2\r\nContent-Length: 0\r\n\r\n',
    reply: { status: 302, fields: { location: 'http://a.test/1' } }
  },
  'trailers with their Trailer (R-TRL-7, R-TRL-8)': {
    says: `${OK}Trailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n`,
    reply: { status: 200, body: 'ok', fields: { trailer: 'X-T' }, trailers: { 'x-t': '1' } }
  },
  'trailers behind no content': {
    says: `${OK}Trailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: 1\r\n\r\n`,
    reply: { status: 200, body: '', trailers: { 'x-t': '1' } }
  },
  'HEAD has the length of what is not there': { method: 'HEAD', says: `${OK}Content-Length: 5\r\n\r\n`, reply: { status: 200, body: '', fields: { 'content-length': '5' } } },
  'HEAD has no length where there is none (R-TRL-5)': {
    method: 'HEAD', says: `${OK}Trailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n`, reply: { status: 200, body: '', fields: { 'content-length': undefined, trailer: undefined } }
  },
  'a part (206)': { says: 'HTTP/1.1 206 P\r\nContent-Range: bytes 0-1/5\r\nContent-Length: 2\r\n\r\nab', reply: { status: 206, body: 'ab', fields: { 'content-range': 'bytes 0-1/5', 'content-length': '2' } } },
  'several parts (206)': {
    says: 'HTTP/1.1 206 P\r\nContent-Type: multipart/byteranges; boundary=x\r\nContent-Length: 4\r\n\r\n--x-', reply: { status: 206, body: '--x-', fields: { 'content-type': 'multipart/byteranges; boundary=x' } }
  },
  'no such part (416)': { says: 'HTTP/1.1 416 R\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n', reply: { status: 416, body: '', fields: { 'content-range': 'bytes */5', 'content-length': '0' } } },
  'no content (204)': { says: 'HTTP/1.1 204 N\r\nContent-Length: 0\r\nX: 1\r\n\r\n', reply: { status: 204, body: '', fields: { x: '1', 'content-length': undefined } } },
  'no content of that length (304)': { says: 'HTTP/1.1 304 N\r\nContent-Length: 7\r\nETag: "a"\r\n\r\n', reply: { status: 304, body: '', fields: { etag: '"a"', 'content-length': '7' } } },
  'content up to the end of the connection': { says: thenEnd(`${OK}\r\nabc`), reply: { status: 200, body: 'abc', whole: true } },
  'content up to the end of the connection, by HTTP/1.0': { says: thenEnd('HTTP/1.0 200 OK\r\n\r\nabc'), reply: { status: 200, body: 'abc', whole: true } },
  'but not up to its reset': { says: thenReset(`${OK}\r\nabc`), reply: { status: 200, body: 'abc', whole: false } },
  'less than the length, then the end (R-MSG-3)': { says: thenEnd(`${OK}Content-Length: 5\r\n\r\nabc`), reply: { status: 200, body: 'abc', whole: false } },
  'less than the length, then a reset': { says: thenReset(`${OK}Content-Length: 5\r\nConnection: close\r\n\r\nabc`), reply: { status: 200, body: 'abc', whole: false } },
  'chunks without the last, then the end': { says: thenEnd(CHUNKED), reply: { status: 200, body: 'abc', whole: false } },
  'chunks without the end of the last, on a connection to be closed': { says: thenEnd(`${CHUNKED.replace('Date: x', 'Connection: close')}0\r\n`), reply: { status: 200, body: 'abc', whole: false } },
  'chunks without the last, then a reset': { says: thenReset(CHUNKED.replace('Date: x', 'Connection: close')), reply: { status: 200, body: 'abc', whole: false } },
  'chunks, then none': { says: `${CHUNKED}zz\r\n`, reply: { status: 200, body: 'abc', whole: false } },
  'more than the length (R-MSG-3)': { says: `${OK}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad`, reply: { status: 200, body: 'ok', whole: true } },
  'half a head': { says: thenEnd('HTTP/1.1 200 OK\r\nX: '), reply: { status: 502, whole: true } },
  'no answer': { says: thenReset(''), reply: { status: 502, whole: true } },
  'a head of nearly 16 KiB': { says: `${OK}X: ${'x'.repeat(15_000)}\r\nContent-Length: 2\r\n\r\nok`, reply: { status: 200, body: 'ok', fields: { x: 'x'.repeat(15_000) } } },
  'a larger head (R-PS-4, F-13)': { says: thenEnd(`${OK}X: ${'x'.repeat(66_000)}\r\nContent-Length: 2\r\n\r\nok`), reply: { status: 502, fields: { 'proxy-status': /error=http_response_header_section_size/ as never } } },
  'TRACE is asked of the origin (R-MAXF-1)': { method: 'TRACE', says: PING['/ok'], reply: { status: 200, body: 'ok' } }
}

t.test('responses of all kinds: each arrives as it was or as a failure, and the client goes on', async t => {
  const names = Object.keys(ROWS)
  const upstream = await scriptedOrigin(t, { ...PING, ...Object.fromEntries(names.map((name, i) => [`/${i}`, ROWS[name]!.says])) })
  const ways = await waysIn(t, { port: upstream.port })
  for (const [i, name] of names.entries()) {
    t.test(name, async t => {
      const { method = 'GET', reply } = ROWS[name]!
      for (const way of ways) {
        let connections = 0
        const count = () => { connections += 1 }
        t.match(await way.ask({ path: '/ok' }), { status: 200, body: 'ok' })
        way.gateway.app.server.on('connection', count)
        t.match(await way.ask({ method, path: `/${i}` }), { whole: true, ...reply }, way.name)
        t.match(await way.ask({ path: '/ok' }), { status: 200, body: 'ok' }, 'and the client goes on')
        way.gateway.app.server.removeListener('connection', count)
        if (method === 'HEAD') continue // node's client closes behind one without a length
        t.equal(connections, reply.whole === false && way.version === '1.1' ? 1 : 0, 'on its connection, unless that was all to tell it with')
      }
    })
  }
})

t.test('a status beyond 599: it is forwarded, but becomes 502 for HTTP/2, where node has none (F-55)', async t => {
  const says = (status: number) => `HTTP/1.1 ${status} Odd\r\nX: 1\r\nContent-Length: 2\r\n\r\nok`
  const upstream = await scriptedOrigin(t, { '/600': says(600), '/999': says(999) })
  for (const way of await waysIn(t, { port: upstream.port })) {
    for (const status of [600, 999]) {
      const expected = way.version === '2.0' ? { status: 502, body: /FST_PROXY_AUTH_UPSTREAM_PROTOCOL/ } : { status, body: 'ok', fields: { x: '1' } }
      t.match(await way.ask({ path: `/${status}` }), expected, way.name)
    }
  }
})

t.test('a response or failure before the content is through: the client gets it, and no connection is left', async t => {
  const no = 'HTTP/1.1 413 No\r\nContent-Length: 2\r\n'
  const upstream = await scriptedOrigin(t, {
    ...PING,
    '/close': thenEnd(`${no}Connection: close\r\n\r\nno`),
    '/keep': socket => { socket.pause().write(`${no}\r\nno`) },
    '/slow': socket => { socket.pause().write(`${no}\r\nn`, () => setTimeout(() => socket.write('o'), 50)) },
    '/reset': thenReset(''),
    '/end': socket => { socket.pause().end() }
  })
  const ways = await waysIn(t, { port: upstream.port })
  const large = Buffer.alloc(24 * 1024 * 1024, 'x') // more than the kernel takes, where nobody reads
  const small = large.subarray(0, 1024 * 1024)
  const CODED = true
  const rows = [
    ['/close', '413no', small], ['/close', '413no', small, CODED], ['/keep', '413no', large], ['/slow', '413no', large, CODED],
    ['/reset', '502', small], ['/reset', '502', small, CODED], ['/end', '502', large]
  ] as const
  for (const way of ways) {
    for (const [path, answer, body, coded] of rows) {
      const fields = coded !== true ? { 'content-length': body.length } : way.version === '2.0' ? {} : { 'transfer-encoding': 'chunked' }
      const { status, body: said, whole } = await way.ask({ method: 'POST', path, fields, body })
      t.strictSame([status === 502 ? '502' : `${status}${said}`, whole], [answer, true], `${way.name}: ${path}`)
    }
    t.match(await way.ask({ path: '/ok' }), { status: 200, body: 'ok' })
    // The client stops in the middle, and waits.
    const { stream, reply } = way.open({ method: 'POST', path: '/close', fields: { 'content-length': 5 } })
    stream.write('x')
    t.match(await reply, { status: 413, body: 'no', whole: true }, way.name)
    stream.destroy()
  }
  for (const socket of upstream.open) socket.resume()
  await Promise.all(ways.map(async ({ gateway }) => { await gateway.app.close() }))
  await until(() => upstream.open.size === 0)
  t.equal(upstream.open.size, 0, 'no connection is left')
})

t.test('content that is cut: it is not taken for content that has ended', async t => {
  let taken: Socket | undefined
  const upstream = await scriptedOrigin(t, { ...PING, '/silent': socket => { taken = socket } })
  const ways = await waysIn(t, { port: upstream.port })
  for (const way of ways) {
    for (const length of [100_000, undefined]) {
      const fields = length === undefined ? way.version === '2.0' ? {} : { 'transfer-encoding': 'chunked' } : { 'content-length': length }
      taken = undefined
      const { stream, reply } = way.open({ method: 'POST', path: '/silent', fields })
      stream.write('half of it')
      await until(() => taken !== undefined && upstream.received.some(text => /half of it(?:\r\n)?$/.test(text)))
      const closed = taken!.closed ? undefined : once(taken!, 'close')
      leave(stream)
      await closed
      const received = upstream.received.findLast(text => text.includes('half of it'))!
      t.notMatch(received, /\r\n0\r\n/, way.name)
      t.match(await reply, { whole: false })
      t.match(await way.gateway.logged(line => line['proxy'] !== undefined && (line['proxy'] as { method: string }).method === 'POST'), { proxy: { status: 499, bytesIn: 10, reason: /aborted|CLIENT_LEFT/ } })
      upstream.received.fill('')
      way.gateway.log.length = 0
    }
    t.match(await way.ask({ path: '/ok' }), { status: 200, body: 'ok' })
  }
})

/** As a client that is gone. Node's client of HTTP/2 ends what it resets, unless something is being written. */
function leave (stream: ClientRequest | ClientHttp2Stream): void {
  if ('session' in stream) {
    stream.write(Buffer.alloc(0))
    stream.close(constants.NGHTTP2_CANCEL)
  } else {
    stream.destroy()
  }
}

t.test('Expect: a stranger keeps the content (R-EXP-1, R-EXP-2), trailers of a request end here (R-TRL-8)', async t => {
  const upstream: ScriptedOrigin = await scriptedOrigin(t, { ...PING, '/taken': behindBody(TAKEN, () => upstream) })
  for (const way of await waysIn(t, { port: upstream.port })) {
    const expecting = { method: 'POST', path: '/taken', fields: { expect: '100-continue', 'content-length': 4 } }
    const stranger = way.open({ ...expecting, credentials: 'Basic eDp5' })
    if ('flushHeaders' in stranger.stream) stranger.stream.flushHeaders()
    t.match(await stranger.reply, { status: 407, interim: [], whole: true }, way.name)
    stranger.stream.destroy()
    const { stream, reply } = way.open(expecting)
    if ('flushHeaders' in stream) stream.flushHeaders()
    await once(stream, 'continue')
    stream.end('body')
    t.match(await reply, { status: 200, body: 'taken', interim: [] })
    t.notMatch(upstream.heads.at(-1)!, /expect/i)

    const trailing = way.open({ method: 'POST', path: '/taken', fields: { trailer: 'X-T', ...(way.version === '1.1' && { 'transfer-encoding': 'chunked' }) } })
    if ('addTrailers' in trailing.stream) trailing.stream.addTrailers({ 'X-T': '1' })
    trailing.stream.end('body')
    t.match(await trailing.reply, { status: 200 })
    t.notMatch(upstream.received.at(-1)!, /trailer|x-t/i)
    t.match(upstream.received.at(-1), /\r\n\r\n4\r\nbody\r\n0\r\n\r\n$/)
  }
})

const bare = (ways: WayIn[]) => ways.flatMap(way => way.raw === undefined ? [] : [{ ...way, raw: way.raw }])
const CREDENTIALS = `Host: a.test\r\nProxy-Authorization: ${ALICE}\r\n`

t.test('HTTP/1.0: no chunks, no interim answer, no trailers, and a cut is one (R-MSG-4, R-FWD-5, R-TRL-5)', async t => {
  const upstream = await scriptedOrigin(t, {
    '/length': `HTTP/1.1 103 E\r\nLink: </a>\r\n\r\n${PING['/ok']}`,
    '/chunks': `${OK}Trailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n`,
    '/cut': thenEnd(CHUNKED),
    '/reset': thenReset(`${OK}\r\nabc`)
  })
  for (const { name, raw, target } of bare(await waysIn(t, { port: upstream.port }))) {
    const ask = async (path: string): Promise<{ text: string, error: string | undefined }> => {
      const client = await raw()
      let error: string | undefined
      client.socket.on('error', ({ code }: NodeJS.ErrnoException) => { error = code })
      const closed = new Promise(resolve => { client.socket.on('close', resolve) })
      const text = await client.send(`GET ${target(path)} HTTP/1.0\r\n${CREDENTIALS}\r\n`).end()
      client.socket.end()
      await closed
      return { text, error }
    }
    for (const path of ['/length', '/chunks']) {
      const { text, error } = await ask(path)
      t.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n\r\nok$/, name)
      t.notMatch(text, /transfer-encoding|trailer|x-t/i)
      t.equal(error, undefined)
    }
    // TLS has an end of its own, and without it there is none.
    if (name.endsWith('TLS')) continue
    for (const path of ['/cut', '/reset']) t.match(await ask(path), { text: /\r\n\r\nabc$/, error: 'ECONNRESET' }, `${name}: ${path}`)
  }
})

t.test('more field lines than node reads, which drops the rest and the framing there: they are refused (R-SEC-3)', async t => {
  const upstream: ScriptedOrigin = await scriptedOrigin(t, { '/taken': behindBody(TAKEN, () => upstream) })
  const ways = bare(await waysIn(t, { port: upstream.port }))
  for (const { name, raw, target } of ways) {
    for (const [lines, status] of [[900, 200], [1000, 431], [2000, 431]] as const) {
      const client = await raw()
      client.send(`POST ${target('/taken')} HTTP/1.1\r\n${CREDENTIALS}${'a:1\r\n'.repeat(lines)}Content-Length: 4\r\n\r\nbody`)
      t.match(await client.answer(), new RegExp(`^HTTP/1\\.1 ${status} `), `${name}: ${lines}`)
      if (status === 200) t.match(upstream.received.at(-1), /body$/)
      else t.equal(client.closed || await client.end() === '', true, 'and the connection ends')
    }
    const client = await raw()
    client.send(`CONNECT a.test:443 HTTP/1.1\r\n${CREDENTIALS}${'a:1\r\n'.repeat(1000)}\r\n`)
    t.match(await client.answer(), /^HTTP\/1\.1 431 /)
  }
  t.equal(upstream.heads.length, ways.length, 'the others did not reach it')
})

t.test('pipelined requests of every kind: they get their responses in order (R-CONN-7)', async t => {
  const upstream = await scriptedOrigin(t, {
    ...PING,
    '/slow': socket => { setTimeout(() => socket.write(`${OK}Content-Length: 4\r\n\r\nslow`), 50) },
    '/taken': thenEnd(TAKEN),
    '/trailers': `${OK}Trailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n`,
    '/204': 'HTTP/1.1 204 N\r\n\r\n',
    '/cut': thenEnd(CHUNKED)
  })
  for (const { name, raw, target } of bare(await waysIn(t, { port: upstream.port }))) {
    const client = await raw()
    const send = (method: string, path: string, rest = '\r\n') => { client.send(`${method} ${target(path)} HTTP/1.1\r\n${CREDENTIALS}${rest}`) }
    send('GET', '/slow')
    send('POST', '/taken', 'Content-Length: 4\r\n\r\nbody')
    send('POST', '/taken', 'Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n')
    send('HEAD', '/ok')
    send('GET', '/204')
    client.send(`OPTIONS ${target('/ok')} HTTP/1.1\r\n${CREDENTIALS}Max-Forwards: 0\r\n\r\n`)
    send('GET', '/trailers')
    send('GET', '/cut')
    send('GET', '/ok')
    const text = await client.end()
    t.strictSame(text.split(/(?=HTTP\/1\.1 \d{3} )/).slice(0, 7).map(answer => answer.slice(9, 12) + answer.slice(answer.indexOf('\r\n\r\n') + 4)), [
      '200slow', '200taken', '200taken', '200', '204', '200', '2002\r\nok\r\n0\r\nX-T: 1\r\n\r\n'
    ], name)
    t.notMatch(text.slice(text.indexOf('X-T: 1\r\n\r\n') + 10), /\r\n\r\nok$|\r\n0\r\n/, 'nothing behind the one that was cut')
  }
})

t.test('hints without end for an HTTP/2 client that takes nothing: they are not all kept', async t => {
  const count = 4_000
  const hint = `HTTP/1.1 103 E\r\nLink: ${'x'.repeat(8_000)}\r\n\r\n`
  let flood!: () => Promise<unknown>
  const upstream = await scriptedOrigin(t, {
    '/': socket => {
      socket.write(hint)
      flood = async () => await new Promise(resolve => socket.write(hint.repeat(count) + PING['/ok'], resolve))
    }
  })
  const authority = `127.0.0.1:${upstream.port}`
  const gate = await gateway(t, { fastify: { http2: true } as never, reverse: [{ prefix: '/api', upstream: `http://${authority}` }] })
  for (const [host, path] of [[authority, '/'], [`127.0.0.1:${gate.port}`, '/api/']] as const) {
    const client = await RawHttp2.to(t, gate.port)
    client.headers(1, [[':method', 'GET'], [':scheme', 'http'], [':path', path], [':authority', host], ['proxy-authorization', ALICE]], true)
    await client.frame(({ type }) => type === 'HEADERS')
    client.socket.pause()
    await flood()
    client.socket.resume()
    t.match(await client.frame(({ type }) => type === 'DATA'), { payload: Buffer.from('ok') })
    const got = client.frames.filter(({ type }) => type === 'HEADERS').length
    t.ok(got < count * 0.75, `${got} of ${count} were kept for it`)
  }
})

t.test('an https target over HTTP/2: TLS of ours, verified (R-TGT-10)', { skip: openssl.skip }, async t => {
  const pair = certificate(t, 'origin.test')
  const target = await origin(t, ({ url }, response, body) => { response.end(`${url} ${body.length}`) }, pair)
  const options = { forward: { special: ['127.0.0.1:*'] } }
  for (const tls of [false, true]) {
    const listener = { http2: true, ...(tls && { https: { key: pair.key, cert: pair.cert } }) }
    const trusting = await gateway(t, { forward: { ...options.forward, tls: { ca: pair.cert } }, fastify: listener as never })
    const wary = await gateway(t, { ...options, fastify: listener as never })
    for (const [gate, expected] of [[trusting, { status: 200, body: '/a?b 4' }], [wary, { status: 502, body: /FST_PROXY_AUTH_TLS/ }]] as const) {
      const client = await Http2Client.to(t, `${tls ? 'https' : 'http'}://127.0.0.1:${gate.port}`)
      const answer = await client.ask({ ':method': 'POST', ':scheme': 'https', ':authority': target.authority, ':path': '/a?b', 'proxy-authorization': ALICE }, 'body')
      t.match(answer, expected)
    }
  }
  t.match(target.seen, [{ url: '/a?b' }, { url: '/a?b' }])
})
