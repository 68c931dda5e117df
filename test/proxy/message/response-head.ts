import Fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { readReplyFields } from '../../../lib/proxy/message/reply-fields.js'
import {
  addGateFields, addTrailers, isKept, keepFields, keepingFinalToken, keptFields, restoreFields, writeRelayedHead
} from '../../../lib/proxy/message/response-head.js'
import { wholeAnswer } from '../../fixtures/http2-client.js'
import { answerOf } from '../../fixtures/one-proxy-route.js'
import type { Handler } from '../../fixtures/one-proxy-route.js'
import { streamPair } from '../../fixtures/stream-pair.js'

const nothing: Handler = () => {}
const relayed = (fields: string[], status: number, reason: string | undefined): Handler => (_request, reply) => {
  writeRelayedHead(reply, status, reason, fields)
  reply.raw.end()
}

t.test('a relayed head: it has the order, case and lines of the origin, then our own fields', async t => {
  const text = await answerOf(t, (_request, reply) => {
    reply.headers({ 'set-cookie': 'hook=1', 'proxy-authentication-info': 'a="b"', 'proxy-authenticate': ['Negotiate bGVn'] })
  }, relayed(['ETAG', '"x"', 'Set-Cookie', 'a=1', 'x', '\xe9', 'set-cookie', 'b=2', 'Content-Length', '0'], 200, 'Fine'))
  t.equal(text, 'HTTP/1.1 200 Fine\r\nETAG: "x"\r\nSet-Cookie: a=1\r\nx: \xe9\r\nset-cookie: b=2\r\nContent-Length: 0\r\n' +
    'Proxy-Authentication-Info: a="b"\r\nProxy-Authenticate: Negotiate bGVn\r\nConnection: close\r\n\r\n')
})

t.test('a 2xx of the origin to an extended CONNECT: refused, as it would stand for a tunnel (R-CONNECT-5)', t => {
  const reply = { raw: { stream: {} }, request: { raw: { headers: { ':protocol': 'websocket' } } } } as never
  for (const status of [200, 204, 299]) t.throws(() => writeRelayedHead(reply, status, '', []), { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
  t.end()
})

t.test('the final token on a route that acts as origin: it goes out after the challenges of the origin (R-NEG-4)', async t => {
  const keeping = keepingFinalToken((_request, reply, done) => {
    reply.header('www-authenticate', 'Negotiate bGVn')
    done()
  })
  const token: Handler = (request, reply) => new Promise<void>(resolve => keeping(request, reply, () => resolve()))
  const fields = () => ['WWW-Authenticate', 'Basic realm="a"', 'Content-Length', '0']
  const text = await answerOf(t, token, relayed(fields(), 401, 'No'))
  t.equal(text, 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="a"\r\nContent-Length: 0\r\nWWW-Authenticate: Negotiate bGVn\r\nConnection: close\r\n\r\n')
  const hook: Handler = (_request, reply) => { reply.header('www-authenticate', 'Basic realm="hook"') }
  t.notMatch(await answerOf(t, hook, relayed(fields(), 401, 'No')), /hook/)
})

t.test('a hook that calls setHeader: no line of the origin is lost', async t => {
  const hook: Handler = (_request, reply) => { reply.raw.setHeader('Set-Cookie', 'hook=1').setHeader('Date', 'never') }
  const text = await answerOf(t, hook, relayed(['Set-Cookie', 'a=1', 'Content-Length', '0', 'set-cookie', 'b=2', 'Date', 'today'], 200, 'Fine'))
  t.equal(text, 'HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\nDate: today\r\nConnection: close\r\n\r\n')
})

t.test('an origin response without Date, whatever hooks did: Date is added (R-FWD-4)', async t => {
  const app = Fastify()
  app.get('/', async (_request, reply) => {
    reply.raw.setHeader('Date', 'never')
    writeRelayedHead(reply, 200, '', ['Content-Length', '0'])
    reply.raw.end()
  })
  t.teardown(() => app.close())
  const { headers } = await app.inject('/')
  t.match(headers.date, /GMT$/)
})

t.test('a reason phrase: its octets go out unchanged, or that of node where it is missing or unreadable', async t => {
  t.match(await answerOf(t, nothing, relayed([], 404, 'Не')), /^HTTP\/1\.1 404 \xd0\x9d\xd0\xb5\r\n/)
  t.match(await answerOf(t, nothing, relayed([], 404, '\ufffd')), /^HTTP\/1\.1 404 Not Found\r\n/)
  t.match(await answerOf(t, nothing, relayed([], 404, undefined)), /^HTTP\/1\.1 404 Not Found\r\n/)
  t.match(await answerOf(t, nothing, relayed([], 404, '')), /^HTTP\/1\.1 404 \r\n/)
})

for (const touched of [false, true]) {
  t.test(`a head that cannot be written leaves nothing behind${touched ? ', nor where a hook used setHeader' : ''}`, async t => {
    const text = await answerOf(t, (_request, reply) => { if (touched) reply.raw.setHeader('X-Hook', '1') }, (_request, reply) => {
      t.throws(() => { writeRelayedHead(reply, 200, 'Origin', ['Set-Cookie', 'a=1', 'x', 'a\nb']) }, { code: 'ERR_INVALID_CHAR' })
      return reply.code(502).send('')
    })
    t.equal(text, 'HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })
}

/** The same over HTTP/2: a reply as far as it is looked at. */
async function overHttp2 (t: Test, fields: string[], trailers: string[] = []): ReturnType<typeof wholeAnswer> {
  const { request, response, far } = await streamPair(t)
  const answer = wholeAnswer(far)
  far.end()
  request.resume()
  writeRelayedHead({ raw: response, request: { raw: request }, getHeader: () => undefined, hijack () {} } as never, 200, 'A Phrase', fields)
  addTrailers(response, trailers)
  response.end('x')
  return await answer
}

t.test('a relayed head over HTTP/2: no reason phrase, and one line of each field that node takes as single (R-HOP-6)', async t => {
  const usual = await overHttp2(t, ['X-A', '1', 'x-a', '2', 'Set-Cookie', 'a', 'Set-Cookie', 'b'])
  t.match(usual.fields, { ':status': 200, 'x-a': '1, 2', 'set-cookie': ['a', 'b'] })
  const repeated = await overHttp2(t, ['Age', '1', 'X-A', '1', 'Set-Cookie', 'a', 'Age', '2', 'Set-Cookie', 'b', 'ETag', '"x"', 'ETag', '"x"', 'WWW-Authenticate', 'A', 'WWW-Authenticate', 'B'])
  t.match(repeated.fields, { age: '1', 'x-a': '1', etag: '"x"', 'set-cookie': ['a', 'b'], 'www-authenticate': 'A, B' })
  await t.rejects(overHttp2(t, [':path', '/']), { code: 'ERR_INVALID_HTTP_TOKEN' })
})

t.test('node refuses a head over HTTP/2 all the same: nothing of it is in the next one (F-21)', async t => {
  const { request, response, far } = await streamPair(t)
  const answer = wholeAnswer(far)
  far.end()
  request.resume()
  const { writeHead } = response
  response.writeHead = (...args: unknown[]) => { // as packages do that add fields at the last moment
    response.setHeader('date', ['a', 'b'])
    response.setHeader('retry-after', ['1', '2'])
    return Reflect.apply(writeHead, response, args)
  }
  const reply = { raw: response, request: { raw: request }, getHeader: () => undefined, hijack () {} } as never
  t.throws(() => { writeRelayedHead(reply, 200, '', ['X-A', '1', 'Date', 'c']) }, { code: 'ERR_HTTP2_HEADER_SINGLE_VALUE' })
  response.writeHead = writeHead
  response.writeHead(502).end()
  t.match(await answer, { status: 502, fields: { date: / GMT$/, 'x-a': undefined, 'retry-after': undefined } })
})

t.test('a status that HTTP/2 of node has not: refused before anything is written', async t => {
  const { request, response, far } = await streamPair(t)
  const answer = wholeAnswer(far)
  far.end()
  request.resume()
  const reply = { raw: response, request: { raw: request }, getHeader: () => undefined, hijack () {} } as never
  t.throws(() => { writeRelayedHead(reply, 600, '', ['X-A', '1']) }, { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
  writeRelayedHead(reply, 599, '', ['X-B', '1'])
  response.end()
  t.match(await answer, { status: 599, fields: { 'x-a': undefined, 'x-b': '1' } })
})

t.test('trailers over HTTP/1.1 and HTTP/2: they go out in the form of each version (R-TRL-7)', async t => {
  const { trailers } = await overHttp2(t, ['X-A', '1'], ['X-T', '1', 'x-t', '2', 'Age', '1', 'Age', '2'])
  t.match(trailers, { 'x-t': '1, 2', age: '1' })
  const text = await answerOf(t, nothing, (_request, reply) => {
    writeRelayedHead(reply, 200, 'OK', ['Trailer', 'X-T'])
    reply.raw.write('x')
    addTrailers(reply.raw, ['X-T', '1', 'X-T', '2'])
    reply.raw.end()
  })
  t.match(text, /\r\n0\r\nX-T: 1\r\nX-T: 2\r\n\r\n$/)
})

/** A reply with these fields. */
function replyWith (fields: Record<string, string | string[] | undefined>): FastifyReply {
  const headers: Record<string, unknown> = { ...fields }
  return {
    getHeaders: () => headers,
    getHeader: (name: string) => headers[name],
    removeHeader: (name: string) => { delete headers[name] },
    header: (name: string, value: unknown) => { headers[name] = value }
  } as unknown as FastifyReply
}

/** The fields that go out beside those of an upstream. */
function gateFields (reply: FastifyReply): string[] {
  const fields: string[] = []
  addGateFields(reply, fields)
  return fields
}

t.test('a final token that the gate leaves: it is kept, and what hooks leave before and after is not', async t => {
  const app = Fastify()
  app.addHook('onRequest', async (_request, reply) => { reply.header('www-authenticate', 'Basic realm="before"') })
  app.get('/:token', {
    onRequest: keepingFinalToken((request, reply, done) => {
      t.equal(reply.getHeader('www-authenticate'), undefined)
      const { token } = request.params as { token: string }
      if (token !== 'none') reply.header('www-authenticate', `Negotiate ${token}`)
      done()
    }),
    preHandler: async (_request, reply) => { reply.header('www-authenticate', 'Basic realm="after"') }
  }, async (_request, reply) => ({ fields: gateFields(reply) }))
  t.same((await app.inject('/bGVn')).json(), { fields: ['WWW-Authenticate', 'Negotiate bGVn'] })
  t.same((await app.inject('/none')).json(), { fields: [] })
})

t.test('a hook that is done, or fails, or responds itself: so does the one around it', async t => {
  const reply = { removeHeader () {}, getHeader () {} } as never
  const said: unknown[] = []
  const tell = (error?: Error) => { said.push(error?.message ?? 'done') }
  keepingFinalToken((_request, _reply, done) => done())({} as never, reply, tell)
  keepingFinalToken((_request, _reply, done) => done(new Error('refused')))({} as never, reply, tell)
  keepingFinalToken(() => {})({} as never, reply, tell)
  t.strictSame(said, ['done', 'refused'])
})

t.test('a reply without the gate: it has no final token', async t => t.strictSame(gateFields(replyWith({})), []))

t.test('a reply of a route without the option: nothing stays', async t => {
  const reply = replyWith({ 'x-a': '1' })
  t.same([isKept(reply, 'x-a'), keptFields(reply)], [false, []])
  const fields = ['X-A', '2']
  addGateFields(reply, fields)
  t.same(fields, ['X-A', '2'])
})

t.test('beside an upstream\'s fields: in their place, but Set-Cookie and Vary beside them; what cannot be sent does not stay', async t => {
  const reply = replyWith({ 'x-a': '1', vary: 'Origin', 'set-cookie': ['a=1', 'b=2'], 'x-b': undefined, 'x-bad': 'a\r\nb', 'bad name': '1', connection: 'close' })
  keepFields(reply, readReplyFields(true, 'o')!)
  const fields = ['X-A', 'theirs', 'Vary', 'Accept', 'x-a', 'again', 'Set-Cookie', 'c=3', 'X-C', '3']
  addGateFields(reply, fields)
  t.same(fields, ['Vary', 'Accept', 'Set-Cookie', 'c=3', 'X-C', '3', 'x-a', '1', 'vary', 'Origin', 'set-cookie', 'a=1', 'set-cookie', 'b=2'])
})

t.test('put back on a reply that has an upstream\'s fields by then: the same', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/', async (_request, reply) => {
    reply.header('x-a', 'theirs').header('vary', 'Accept').header('x-c', '3')
    restoreFields(reply, [['x-a', ['1']], ['vary', ['Origin']], ['x-d', ['4', '5']], ['set-cookie', ['a=1']]])
    return ''
  })
  const { headers } = await app.inject('/')
  t.match(headers, { 'x-a': '1', vary: ['Accept', 'Origin'], 'x-c': '3', 'x-d': ['4', '5'], 'set-cookie': 'a=1' })
})
