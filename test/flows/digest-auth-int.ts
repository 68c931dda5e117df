import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { createGzip, gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { parseChallenges } from '../../lib/fields/challenge.js'
import { answerDigestChallenge } from '../../lib/schemes/digest/client.js'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import type { DigestOptions } from '../../lib/strategies/digest/options.js'
import { proxyAuthenticate } from '../../lib/index.js'
import { closedPort } from '../fixtures/closed-port.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { basic, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { openFiles } from '../fixtures/open-files.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { until } from '../fixtures/until.js'

const digest = (options: Partial<DigestOptions> = {}) => new DigestStrategy({
  lookup: username => username === 'alice' ? { password: 'alice-secret' } : null, qop: ['auth', 'auth-int'], ...options
})
const around = async (t: Test, options: GatewayOptions = {}, answer?: Parameters<typeof surroundings>[2]): Promise<Surroundings> =>
  await surroundings(t, { strategies: [digest(), basic()], authInt: { maxRequest: 500_000 }, ...options }, answer)

const SMALL = 'a few octets: \u00e4\u0000'
const LARGE = randomBytes(300_000)
const BY_CONTENT = { rspauth: 'right', qop: 'auth-int', where: 'head' }
const BY_TRAILER = { ...BY_CONTENT, where: 'trailer' }
const BY_HEAD_ALONE = { ...BY_CONTENT, qop: 'auth' }
const ROUTES: readonly Form[] = ['origin-form', 'absolute-form']

t.test('auth-int in option qop: it is offered behind auth, and never alone (R-DIG-18, R-DIG-19)', async t => {
  const { challenges } = await DigestSession.start(t, await around(t))
  t.match(parseChallenges(challenges)[0], { scheme: 'Digest', params: { qop: 'auth,auth-int' } })
  t.throws(() => digest({ qop: ['auth-int'] }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.throws(() => digest({ qop: ['auth-int', 'auth'] }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

for (const form of ROUTES) {
  for (const hook of ['preHandler', 'onRequest'] as const) {
    t.test(`${form}, ${hook}: content that is right arrives as it was sent (R-DIG-22, R-DIG-45)`, async t => {
      const surrounded = await around(t, { hook })
      const session = await DigestSession.start(t, surrounded, form)
      for (const [content, method, headers] of [
        [SMALL, 'POST', {}], [LARGE, 'PUT', {}], [SMALL, 'POST', { 'Transfer-Encoding': 'chunked' }], [LARGE, 'POST', { 'Transfer-Encoding': 'chunked' }],
        [SMALL, 'GET', {}], [SMALL, 'PROPFIND', { 'Content-Type': 'application/json' }], [gzipSync(SMALL), 'POST', { 'Content-Encoding': 'gzip' }], ['', 'POST', {}],
        ['', 'POST', { 'Transfer-Encoding': 'chunked' }]
      ] as const) {
        const answer = await session.send('/p?q=1', { content, method, headers })
        t.equal(answer.status, 200)
        t.same(session.verify(answer), BY_CONTENT)
        const seen = surrounded.origin.seen.pop()!
        t.ok(seen.body.equals(Buffer.from(content)))
        t.equal(seen.method, method)
        t.notOk('proxy-authorization' in seen.headers)
        if (content.length === 0) continue
        if ('Transfer-Encoding' in headers) t.match(seen.headers, { 'transfer-encoding': 'chunked' })
        else t.equal(seen.headers['content-length'], String(Buffer.from(content).length))
      }
      await until(() => openFiles().length === 0)
    })

    t.test(`${form}, ${hook}: content that is not what was signed reaches nobody (R-DIG-45)`, async t => {
      const surrounded = await around(t, { hook })
      const session = await DigestSession.start(t, surrounded, form)
      for (const sent of [
        { content: SMALL, tampered: SMALL + ' ' }, { content: SMALL, tampered: '' }, { content: LARGE, tampered: Buffer.concat([LARGE.subarray(1), LARGE.subarray(0, 1)]) },
        { content: '', tampered: SMALL }, { content: SMALL, tampered: SMALL.toUpperCase(), headers: { 'Transfer-Encoding': 'chunked' } },
        { content: SMALL, password: 'wrong' }, { content: SMALL, username: 'nobody' }
      ]) {
        const answer = await session.send('/', { method: 'POST', ...sent })
        t.equal(answer.status, 407)
        t.notMatch(answer.headers['proxy-authenticate'], /stale/)
        t.same(session.verify(answer), { rspauth: 'absent', qop: undefined, where: 'nowhere' }, 'no word with a 407 (R-PAI-3)')
      }
      t.equal(surrounded.origin.connections, 0)
      await until(() => openFiles().length === 0)
    })
  }

  t.test(`${form}: a replay is stale, its content read or not; what is refused uses no count up (R-DIG-34, R-DIG-35)`, async t => {
    const surrounded = await around(t)
    const session = await DigestSession.start(t, surrounded, form)
    t.equal((await session.send('/', { method: 'POST', content: SMALL, tampered: 'x', nc: 1 })).status, 407)
    t.equal((await session.send('/', { method: 'POST', content: SMALL, nc: 1 })).status, 200)
    const again = await session.send('/', { method: 'POST', content: SMALL, nc: 1 })
    t.equal(again.status, 407)
    t.match(again.headers['proxy-authenticate'], /stale=true/)
    t.equal(surrounded.origin.seen.length, 1)
  })

  t.test(`${form}: with Expect the content is asked for to be verified, but not from strangers (R-DIG-45)`, async t => {
    const surrounded = await around(t)
    const session = await DigestSession.start(t, surrounded, form)
    const other = await DigestSession.start(t, await around(t), form)
    const fields = (credentials: string) =>
      [`Proxy-Authorization: ${credentials}`, 'Expect: 100-continue', `Content-Length: ${SMALL.length}`]
    const client = await RawClient.to(t, surrounded.port)
    const content = Buffer.from(SMALL, 'latin1')
    client.send(message(form, surrounded.origin.authority, fields(session.sign('/', { method: 'POST', content })), { method: 'POST' }))
    t.match(await client.until(text => text.endsWith('\r\n\r\n')), /^HTTP\/1.1 100 Continue\r\n\r\n$/)
    t.equal(surrounded.origin.connections, 0, 'nobody has heard of it yet')
    t.match(await client.send(SMALL).until(text => text.endsWith('origin')), / 200 OK/)

    // Of a nonce that is not ours nothing is read: the client tries again with another (stale).
    for (const credentials of [other.sign('/', { method: 'POST', content }), 'Basic dTpw', 'Digest x']) {
      const stranger = await RawClient.to(t, surrounded.port)
      stranger.send(message(form, surrounded.origin.authority, fields(credentials), { method: 'POST' }))
      const text = await stranger.until(text => text.includes('\r\n\r\n'))
      t.match(text, credentials === 'Digest x' ? /^HTTP\/1.1 (407|400)/ : /^HTTP\/1.1 407/)
      if (credentials.startsWith('Digest username')) t.match(text, /stale=true/)
      stranger.socket.destroy()
    }
    t.equal(surrounded.origin.seen.length, 1)
  })

  t.test(`${form}: more than may be kept is 413, from its length or when it comes (R-DIG-45)`, async t => {
    const surrounded = await around(t, { authInt: { maxRequest: 200_000 } })
    const session = await DigestSession.start(t, surrounded, form)
    for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }] as Array<Record<string, string>>) {
      const answer = await session.send('/', { method: 'POST', content: LARGE, headers })
      t.equal(answer.status, 413)
      t.match(answer.content, /FST_PROXY_AUTH_CONTENT_TOO_LARGE/)
      t.match(answer.headers, { connection: 'close', 'proxy-authentication-info': undefined, 'proxy-authenticate': undefined })
    }
    const client = await RawClient.to(t, surrounded.port)
    const fields = [`Proxy-Authorization: ${session.sign('/', { method: 'POST', content: LARGE })}`, 'Expect: 100-continue', `Content-Length: ${LARGE.length}`]
    t.match(await client.send(message(form, surrounded.origin.authority, fields, { method: 'POST' })).until(text => text.endsWith('}')), /^HTTP\/1.1 413/)
    client.socket.destroy()
    t.equal((await session.send('/', { method: 'POST', content: LARGE, qop: 'auth' })).status, 200, 'auth has no such limit')
    t.equal(surrounded.origin.seen.length, 1)
    await until(() => openFiles().length === 0)
  })

  t.test(`${form}: more than there is room for is 503`, async t => {
    const surrounded = await around(t, { authInt: { maxKept: 299_999 } })
    const session = await DigestSession.start(t, surrounded, form)
    const answer = await session.send('/', { method: 'POST', content: LARGE })
    t.equal(answer.status, 503)
    t.match(answer.content, /FST_PROXY_AUTH_CONTENT_NOT_KEPT/)
    t.equal(surrounded.origin.connections, 0)
    t.equal((await session.send('/', { method: 'POST', content: LARGE.subarray(1) })).status, 200)
  })

  t.test(`${form}: a client that leaves in the middle leaves nothing behind (R-DIG-45)`, async t => {
    const surrounded = await around(t)
    const session = await DigestSession.start(t, surrounded, form)
    for (const part of [100, 200_000]) {
      const client = await RawClient.to(t, surrounded.port)
      const fields = [`Proxy-Authorization: ${session.sign('/', { method: 'POST', content: LARGE })}`, `Content-Length: ${LARGE.length}`]
      client.send(message(form, surrounded.origin.authority, fields, { method: 'POST' }))
      client.socket.write(LARGE.subarray(0, part))
      if (part > 100_000) await until(() => openFiles().length === 1)
      const before = surrounded.log.length
      client.socket.destroy()
      await until(() => openFiles().length === 0 && surrounded.log.length > before)
    }
    t.equal(surrounded.origin.connections, 0)
    t.equal((await session.send('/', { method: 'POST', content: LARGE })).status, 200)
  })

  t.test(`${form}: content under auth is not kept: the origin sees it come`, async t => {
    const origin = await rawOrigin(t, () => {})
    const surrounded = { ...await around(t, { reverse: [{ prefix: '/api', upstream: origin.url }] }) }
    const session = await DigestSession.start(t, surrounded, form)
    const client = await RawClient.to(t, surrounded.port)
    const uri = form === 'origin-form' ? '/api/' : '/'
    const fields = [`Proxy-Authorization: ${session.sign('/', { method: 'POST', qop: 'auth', uri })}`, 'Content-Length: 10']
    client.send(message(form, origin.authority, fields, { method: 'POST', body: 'first' }))
    await until(() => origin.received.join().includes('first'))
    t.pass('before the rest was sent')
  })

  t.test(`${form}: no content is vouched for in the head, whatever its length (R-TRL-5, R-TRL-6)`, async t => {
    const surrounded = await around(t, {}, (request, response) => {
      const status = Number(request.url?.slice(1)) || 200
      if (status === 205) response.writeHead(200, { 'Content-Length': 0 }).end()
      else response.writeHead(status, status === 204 ? {} : { 'Content-Length': 7 }).end(request.method === 'HEAD' || status !== 200 ? '' : 'content')
    })
    const session = await DigestSession.start(t, surrounded, form)
    for (const headers of [{}, { TE: 'trailers' }] as Array<Record<string, string>>) {
      for (const [path, method] of [['/200', 'HEAD'], ['/204', 'GET'], ['/304', 'GET'], ['/205', 'GET']] as const) {
        const answer = await session.send(path, { method, headers })
        t.same(session.verify(answer), BY_CONTENT, `${method} ${path}`)
        t.notOk('trailer' in answer.headers)
      }
    }
  })

  t.test(`${form}: a client that takes trailers gets content as it comes, and its word behind it (R-PAI-11, R-PAI-12, R-TRL-1, R-TRL-2, R-TRL-3, R-TRL-5, R-TRL-7)`, async t => {
    const surrounded = await around(t, {}, (request, response) => {
      if (request.url === '/length') return response.writeHead(200, { 'Content-Length': LARGE.length }).end(LARGE)
      response.writeHead(201, ['Trailer', 'X-Theirs, X-More', 'Authentication-Info', 'of="origin"', 'Proxy-Authentication-Info', 'rspauth="forged"'])
      for (let i = 0; i < LARGE.length; i += 100_000) response.write(LARGE.subarray(i, i + 100_000))
      response.addTrailers([['X-Theirs', '1'], ['Proxy-Authentication-Info', 'rspauth="forged"'], ['Proxy-Authorization', 'Basic x']])
      response.end()
    })
    const session = await DigestSession.start(t, surrounded, form)
    for (const path of ['/length', '/chunked']) {
      const answer = await session.send(path, { headers: { TE: 'trailers', Connection: 'TE' } })
      t.ok(answer.content.equals(LARGE))
      t.same(session.verify(answer), BY_TRAILER)
      t.match(answer.headers, { 'transfer-encoding': 'chunked', 'content-length': undefined, 'proxy-authentication-info': undefined })
      t.match(answer.headers['trailer'], path === '/length' ? /^Proxy-Authentication-Info$/ : /^X-Theirs, X-More, Proxy-Authentication-Info$/)
      if (path !== '/length') t.equal(answer.headers['authentication-info'], 'of="origin"', 'which is the origin\'s own (R-PAI-12)')
      t.same(Object.keys(answer.trailers).sort(), path === '/length' ? ['proxy-authentication-info'] : ['proxy-authentication-info', 'x-theirs'],
        'the origin\'s beside it, and none that is not its own to send (R-TRL-7)')
    }
  })

  t.test(`${form}: an event stream goes out as it comes, in any case`, async t => {
    const surrounded = await around(t, {}, (_request, response) => { response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n') })
    const session = await DigestSession.start(t, surrounded, form)
    for (const [te, qop] of [['TE: trailers', undefined], ['TE: gzip', 'auth']] as const) {
      const client = await RawClient.to(t, surrounded.port)
      client.send(message(form, surrounded.origin.authority, [`Proxy-Authorization: ${session.sign()}`, te]))
      const text = await client.until(text => text.includes('data: 1'))
      const [, info] = /\r\nproxy-authentication-info: (.*)\r\n/i.exec(text) ?? []
      t.same(info === undefined ? undefined : session.signed.verify(info), qop && { rspauth: 'right', qop, next: undefined })
      client.socket.destroy()
    }
  })

  t.test(`${form}: for others the answer is held, and vouches for the octets that the client gets (R-PAI-8, R-TRL-2, R-TRL-4, R-TRL-8, R-TRL-9)`, async t => {
    const coded = gzipSync(SMALL)
    const surrounded = await around(t, {}, (request, response) => {
      if (request.url === '/gzip') response.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': coded.length }).end(coded)
      else if (request.url === '/chunked') {
        response.writeHead(404, { Trailer: 'X-Theirs', 'Set-Cookie': ['a=1', 'b=2'] })
        response.write(SMALL)
        response.addTrailers({ 'X-Theirs': '1' })
        response.end()
      } else Readable.from([SMALL, SMALL, SMALL]).pipe(response.writeHead(500, 'Really', { 'Content-Length': 3 * Buffer.byteLength(SMALL) }))
    })
    const session = await DigestSession.start(t, surrounded, form)
    const gzip = await session.send('/gzip')
    t.same([gzip.content, session.verify(gzip)], [coded, BY_CONTENT])
    t.match(gzip.headers, { 'content-length': String(coded.length), 'content-encoding': 'gzip' })
    const chunked = await session.send('/chunked')
    t.same([chunked.status, chunked.content.toString(), session.verify(chunked)], [404, SMALL, BY_CONTENT])
    t.match(chunked.headers, { trailer: undefined, 'set-cookie': ['a=1', 'b=2'] })
    t.same(chunked.trailers, {})
    const failed = await session.send('/500')
    t.same([failed.status, failed.reason, failed.content.toString(), session.verify(failed)], [500, 'Really', SMALL.repeat(3), BY_CONTENT])
  })

  t.test(`${form}: what is too large to be held is vouched for without its content (R-PAI-8)`, async t => {
    const surrounded = await around(t, { authInt: { maxAnswer: 1000 } }, (request, response) => {
      if (request.url !== '/chunked') response.setHeader('Content-Length', request.url === '/just' ? 1000 : 1001)
      response.write('x'.repeat(999))
      setImmediate(() => response.end(request.url === '/just' ? 'x' : 'xx'))
    })
    const session = await DigestSession.start(t, surrounded, form)
    for (const [path, expected] of [['/just', BY_CONTENT], ['/length', BY_HEAD_ALONE], ['/chunked', BY_HEAD_ALONE]] as const) {
      const answer = await session.send(path)
      t.same(session.verify(answer), expected, path)
      t.equal(answer.content.length, path === '/just' ? 1000 : 1001)
    }
  })

  t.test(`${form}: half an answer is none, however it was to be vouched for`, async t => {
    const origin = await rawOrigin(t, socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'))
    const surrounded = await around(t, { reverse: [{ prefix: '/api', upstream: origin.url }] })
    const session = await DigestSession.start(t, { ...surrounded, origin: { ...surrounded.origin, authority: origin.authority } }, form)
    await t.rejects(session.send('/'), { code: 'ECONNRESET' })
    const cut = await session.send('/', { headers: { TE: 'trailers' } })
    t.same([cut.complete, cut.trailers], [false, {}])
  })

  t.test(`${form}: refusals of our own speak for theirs (R-PAI-2, R-TRL-2)`, async t => {
    const closed = await closedPort()
    const surrounded = await around(t, { reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${closed}` }] })
    const to = (authority: string) => ({ ...surrounded, origin: { ...surrounded.origin, authority } })
    const session = await DigestSession.start(t, to(`127.0.0.1:${closed}`), form)
    for (const headers of [{}, { TE: 'trailers' }] as Array<Record<string, string>>) {
      const answer = await session.send('/', { headers })
      t.equal(answer.status, 502)
      t.same(session.verify(answer), BY_CONTENT)
    }
    if (form === 'origin-form') return
    const denied = await DigestSession.start(t, to('10.0.0.1:80'), form)
    const answer = await denied.send('/')
    t.same([answer.status, denied.verify(answer)], [403, BY_CONTENT])
  })

  t.test(`${form}: HTTP/1.0 has no trailers (R-TRL-5)`, async t => {
    const surrounded = await around(t, {}, (_request, response) => { response.write('con'); response.end('tent') })
    const session = await DigestSession.start(t, surrounded, form)
    const client = await RawClient.to(t, surrounded.port)
    const fields = [`Proxy-Authorization: ${session.sign()}`, 'TE: trailers']
    const text = await client.send(message(form, surrounded.origin.authority, fields, { version: '1.0' })).end()
    t.match(text, /\r\n\r\ncontent$/)
    const [, info = ''] = /\r\nproxy-authentication-info: (.*)\r\n/i.exec(text) ?? []
    t.match(session.signed.verify(info, 'content'), { rspauth: 'right', qop: 'auth-int' })
  })

  t.test(`${form}: to auth nothing of this applies (R-PAI-8)`, async t => {
    const surrounded = await around(t, {}, (_request, response) => { response.writeHead(200, { 'Content-Length': 7 }).end('content') })
    const session = await DigestSession.start(t, surrounded, form)
    const answer = await session.send('/', { qop: 'auth', headers: { TE: 'trailers' } })
    t.same(session.verify(answer), BY_HEAD_ALONE)
    t.match(answer.headers, { 'content-length': '7', trailer: undefined })
  })
}

t.test('CONNECT: a tunnel has no content; a refusal of one has (R-TRL-5, R-TRL-6)', async t => {
  const surrounded = await around(t)
  const session = await DigestSession.start(t, surrounded, 'CONNECT')
  const client = await RawClient.to(t, surrounded.port)
  client.send(message('CONNECT', surrounded.origin.authority, [`Proxy-Authorization: ${session.sign()}`, 'TE: trailers']))
  const text = await client.until(text => text.includes('\r\n\r\n'))
  t.match(text, /^HTTP\/1.1 200 /)
  const infoIn = (text: string): string => /\r\nproxy-authentication-info: (.*)\r\n/i.exec(text)?.[1] ?? ''
  t.same(session.signed.verify(infoIn(text)), { rspauth: 'right', qop: 'auth-int', next: undefined })
  t.notMatch(text, /\r\n(trailer|transfer-encoding|content-length):/i)

  const denied = await RawClient.to(t, surrounded.port)
  const credentials = session.sign('/', { uri: '10.0.0.1:443' })
  const refusal = await denied.send(message('CONNECT', '10.0.0.1:443', [`Proxy-Authorization: ${credentials}`, 'TE: trailers'])).answer()
  t.match(refusal, /^HTTP\/1.1 403 /)
  t.same(session.signed.verify(infoIn(refusal), refusal.slice(refusal.indexOf('\r\n\r\n') + 4)), { rspauth: 'right', qop: 'auth-int', next: undefined })
})

t.test('auth-int on a route that is an origin: the proof is in Authentication-Info (R-TRL-1, R-TRL-2)', async t => {
  const surrounded = await surroundings(t, { strategies: [digest()] }, (_request, response) => { response.end('content') })
  const ours = await around(t, { reverse: [{ prefix: '/api', upstream: surrounded.origin.url, status: 401 }] })
  const session = await DigestSession.start(t, { ...ours, origin: surrounded.origin }, 'origin-form')
  for (const [headers, expected] of [[{}, BY_CONTENT], [{ TE: 'trailers' }, BY_TRAILER]] as const) {
    const answer = await session.send('/', { method: 'POST', content: SMALL, field: 'Authorization', headers })
    t.equal(answer.status, 200)
    t.same(session.verify(answer, 'authentication-info'), expected)
    t.notOk('proxy-authentication-info' in answer.headers)
    t.equal(String(surrounded.origin.seen.pop()!.body), SMALL)
  }
  const refused = await session.send('/', { method: 'POST', content: SMALL, tampered: 'x', field: 'Authorization' })
  t.equal(refused.status, 401)
  t.equal(surrounded.origin.seen.length, 0)
})

t.test('the application\'s own routes: what is verified is parsed, what is sent is vouched for, as the client gets it (R-DIG-45, R-TRL-9)', async t => {
  const surrounded = await around(t, {
    reverse: [],
    after: app => {
      app.addHook('onSend', async (request, reply, payload) => {
        if (request.headers['accept-encoding'] !== 'gzip') return payload
        reply.header('content-encoding', 'gzip').removeHeader('content-length')
        return Readable.from([payload]).pipe(createGzip())
      })
      app.post('/api/echo', { onRequest: proxyAuthenticate }, async ({ body }) => body)
      app.get('/api/stream', { onRequest: proxyAuthenticate }, async (_request, reply) => await reply.send(Readable.from(['con', 'tent'])))
      app.get('/api/fails', { onRequest: proxyAuthenticate }, async () => { throw new Error('down') })
      app.get('/api/', { onRequest: proxyAuthenticate }, async () => 'own')
      app.post('/api/late', { preHandler: proxyAuthenticate }, async ({ body }) => body)
    }
  })
  const session = await DigestSession.start(t, surrounded, 'origin-form')
  const json = (content: string | Buffer, more = {}) => ({ method: 'POST', content, headers: { 'Content-Type': 'application/json', ...more } })
  for (const content of ['{"a":1}', JSON.stringify({ a: LARGE.toString('base64') })]) {
    const answer = await session.send('/echo', json(content))
    t.same([answer.status, answer.content.toString()], [200, content])
    t.same(session.verify(answer), BY_CONTENT)
  }
  t.equal((await session.send('/echo', { ...json('{"a":1}'), tampered: '{"a":2}' })).status, 407)
  const gzip = await session.send('/echo', json('{"a":1}', { 'Accept-Encoding': 'gzip' }))
  t.equal(gunzipSync(gzip.content).toString(), '{"a":1}')
  t.same(session.verify(gzip), BY_CONTENT)
  const stream = await session.send('/stream')
  t.same([stream.content.toString(), session.verify(stream)], ['content', BY_CONTENT])
  const trailed = await session.send('/stream', { headers: { TE: 'trailers' } })
  t.same([trailed.content.toString(), session.verify(trailed)], ['content', BY_TRAILER])
  const failed = await session.send('/fails')
  t.same([failed.status, session.verify(failed)], [500, BY_CONTENT])

  // Where the body was parsed before, nobody has its octets any more: the challenge leaves auth-int out.
  const late = await session.send('/late', json('{"a":1}'))
  t.equal(late.status, 407)
  session.challenges = late.headers['proxy-authenticate'] as string
  t.match(parseChallenges(session.challenges)[0], { params: { qop: 'auth', stale: undefined } })
  session.nc = 0
  const answered = await session.send('/late', json('{"a":1}'))
  t.same([answered.status, session.verify(answered)], [200, BY_HEAD_ALONE])
})

t.test('HTTP/2, which need not say that content follows, and gets no trailer: in the head, or without it (R-DIG-45, R-TRL-2)', async t => {
  const { origin } = await surroundings(t, {}, (request, response, body) => { response.write(body); response.end(request.url === '/long' ? 'x'.repeat(100) : '') })
  const { port } = await gateway(t, {
    strategies: [digest()], forward: undefined as never, fastify: { http2: true } as never, authInt: { maxAnswer: 100 }, reverse: [{ prefix: '/api', upstream: origin.url }]
  })
  const client = connect(`http://127.0.0.1:${port}`)
  t.teardown(() => client.destroy())
  const ask = async (path: string, headers: Record<string, string> = {}, content = '') => {
    const stream = client.request({ ':path': path, ':method': 'POST', te: 'trailers', ...headers }, { endStream: content === '' })
    if (content !== '') stream.end(content)
    const [head] = await once(stream, 'response') as [Record<string, string>]
    return { head, content: await text(stream) }
  }
  const { head: { 'proxy-authenticate': challenges = '' } } = await ask('/api/')
  let nc = 0
  for (const [path, content, tampered, status, qop] of [
    ['/', '', '', 200, 'auth-int'], ['/', SMALL, SMALL, 200, 'auth-int'], ['/long', SMALL, SMALL, 200, 'auth'], ['/', SMALL, 'x', 407, undefined], ['/', SMALL, '', 407, undefined]
  ] as const) {
    const uri = `/api${path}`
    const signed = answerDigestChallenge(challenges, { username: 'alice', password: 'alice-secret', method: 'POST', uri, nc: ++nc, cnonce: 'c', qop: 'auth-int', content })!
    const answer = await ask(uri, { 'proxy-authorization': signed.credentials }, tampered)
    t.equal(answer.head[':status'] as unknown, status)
    const info = answer.head['proxy-authentication-info']
    t.same(info === undefined ? undefined : signed.verify(info, answer.content), qop && { rspauth: 'right', qop, next: undefined })
  }
  t.equal(origin.seen.length, 3)
})
