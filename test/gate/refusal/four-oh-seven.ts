import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { refuse, setChallenges } from '../../../lib/gate/refusal/four-oh-seven.js'
import { ORIGIN, PROXY } from '../../../lib/gate/role/role.js'
import type { Role } from '../../../lib/gate/role/role.js'
import { refusalBodies } from '../../../lib/gate/refusal/body.js'
import { expectContinue } from '../../../lib/proxy/ingress/expect-continue.js'
import { RawClient } from '../../fixtures/raw-client.js'

const CHALLENGES = ['Digest realm="Gateway", nonce="x"', 'Basic realm="Gateway"']

/** A server that refuses everything, before any body is read. */
async function refusing (t: Test, mode: Role = PROXY, challenges = CHALLENGES, leg: { continues?: true, closes?: boolean } = {}) {
  const app = Fastify()
  const bodies = refusalBodies(mode.status, 'Gateway')
  app.addHook('onRequest', async (_request, reply) => refuse(reply, mode, { challenges, ...leg }, bodies, leg.closes))
  app.all('/', async () => 'let in')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  return { app, client: () => RawClient.to(t, port) }
}

const linesOf = (answer: string, name: string) =>
  answer.split('\r\n\r\n')[0]!.split('\r\n').filter(line => line.toLowerCase().startsWith(`${name}:`)).map(line => line.slice(name.length + 1).trim())
const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4)

t.test('a refusal by a proxy: it has status, challenges, and a body with its length (R-407-1, R-407-5, R-407-6, R-407-10, R-CH-1)', async t => {
  const { client } = await refusing(t)
  const answer = await (await client()).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').answer()
  t.match(answer, /^HTTP\/1\.1 407 Proxy Authentication Required\r\n/)
  t.same(linesOf(answer, 'proxy-authenticate'), CHALLENGES, 'one field line each')
  t.same(linesOf(answer, 'www-authenticate'), [])
  t.match(linesOf(answer, 'content-type'), ['text/plain; charset=utf-8'])
  t.same(linesOf(answer, 'content-length'), [String(Buffer.byteLength(bodyOf(answer)))])
  t.match(bodyOf(answer), 'Realm: Gateway')
  t.equal(linesOf(answer, 'date').length, 1)
  t.same(linesOf(answer, 'connection'), ['keep-alive'])
})

t.test('a refusal and caches: it must not be stored (R-CACHE-1, R-CACHE-2)', async t => {
  const { app } = await refusing(t)
  t.equal((await app.inject('/')).headers['cache-control'], 'no-store')
})

t.test('a refusal by an origin: it has status 401 and WWW-Authenticate (R-407-3)', async t => {
  const { app } = await refusing(t, ORIGIN)
  const { statusCode, headers, body } = await app.inject('/')
  t.equal(statusCode, 401)
  t.same(headers['www-authenticate'], CHALLENGES)
  t.notOk(headers['proxy-authenticate'])
  t.match(body, '401 Unauthorized')
})

t.test('a client that asks for a type of body: it gets that type (R-PROB-1)', async t => {
  const { app } = await refusing(t)
  for (const [accept, type] of [['text/html', 'text/html; charset=utf-8'], ['application/json', 'application/problem+json; charset=utf-8']] as const) {
    const { headers, payload } = await app.inject({ url: '/', headers: { accept } })
    t.equal(headers['content-type'], type)
    t.equal(headers['content-length'], String(Buffer.byteLength(payload)))
  }
})

t.test('a HEAD that is refused: it gets the same head as a GET, and no body (R-407-5)', async t => {
  const { client } = await refusing(t)
  const one = await client()
  const get = await one.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').answer()
  const head = await one.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n').until(text => text.includes('\r\n\r\n'))
  const without = (text: string) => text.split('\r\n\r\n')[0]!.replace(/^date:.*\r\n/im, '')
  t.equal(without(head), without(get))
  t.equal(bodyOf(head), '')
  one.text = ''
  t.match(await one.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').answer(), /^HTTP\/1\.1 407 /, 'the connection is in step')
})

t.test('a HEAD with content: the refusal does not wait for it', async t => {
  const { client } = await refusing(t)
  const one = await client()
  const started = performance.now()
  const head = await one.send('HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n').end()
  t.match(head, /^HTTP\/1\.1 407 /)
  t.same(linesOf(head, 'connection'), ['close'])
  t.equal(bodyOf(head), '')
  t.ok(performance.now() - started < 3_000)
})

t.test('content that has been read: the refusal does not wait for it', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const bodies = refusalBodies(407, 'Gateway')
  app.post('/', { preHandler: async (_request, reply) => refuse(reply, PROXY, { challenges: CHALLENGES }, bodies) }, async () => 'let in')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
  const started = performance.now()
  const answer = await client.send('POST / HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}').end()
  t.match(answer, /^HTTP\/1\.1 407 /)
  t.ok(performance.now() - started < 3_000)
})

t.test('an HTTP/1.0 client: it gets its response and a close, whatever it asks for (R-CONN-4)', async t => {
  const { client } = await refusing(t)
  for (const connection of ['', 'Connection: keep-alive\r\n']) {
    const answer = await (await client()).send(`GET / HTTP/1.0\r\n${connection}\r\n`).end()
    t.match(answer, /^HTTP\/1\.1 407 /)
    t.same(linesOf(answer, 'connection'), ['close'])
    t.same(linesOf(answer, 'transfer-encoding'), [])
    t.match(bodyOf(answer), 'Realm: Gateway')
  }
})

t.test('a small body: it is read and thrown away, and the connection is kept (R-407-8, R-CONN-1)', async t => {
  const { client } = await refusing(t)
  const one = await client()
  const refused = await one.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n').answer()
  t.match(refused, /^HTTP\/1\.1 407 /, 'it does not wait for the body')
  t.same(linesOf(refused, 'connection'), ['keep-alive'])
  one.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.padEnd(60_000, '.'))
  t.match(await one.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n').until(text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 407 /)
  t.equal(one.text.match(/HTTP\/1\.1/g)?.length, 1, 'nothing in the body is taken for a request')
})

t.test('a larger body where a handshake may begin: the connection is kept as well (R-407-8)', async t => {
  for (const challenge of ['NTLM', 'Negotiate']) {
    const { client } = await refusing(t, PROXY, ['Basic realm="Gateway"', challenge])
    const one = await client()
    t.same(linesOf(await one.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n').answer(), 'connection'), ['keep-alive'])
    t.match(await one.send(`${'.'.repeat(1_000_000)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`).answer(), /^HTTP\/1\.1 407 /)
    for (const field of ['Content-Length: 20000000', 'Transfer-Encoding: chunked']) {
      t.same(linesOf(await (await client()).send(`POST / HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`).answer(), 'connection'), ['close'], field)
    }
  }
})

for (const [name, framing] of [['large', 'Content-Length: 10485760'], ['chunked', 'Transfer-Encoding: chunked']] as const) {
  t.test(`a ${name} upload is told of the close and can read why while it still sends (R-407-7, R-407-8, R-407-9, R-CONN-6)`, async t => {
    const { client } = await refusing(t)
    const one = await client()
    let failure: Error | undefined
    const failed = new Promise<void>(resolve => one.socket.once('error', error => { failure = error; resolve() }))
    one.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`)
    const chunk = 'x'.repeat(65_536)
    const piece = name === 'chunked' ? `10000\r\n${chunk}\r\n` : chunk
    for (let sent = 0; sent < 160; sent++) {
      // A client that looks at nothing before all is sent, as many do.
      if (!one.socket.write(piece, 'latin1')) await Promise.race([failed, new Promise<void>(resolve => one.socket.once('drain', resolve))])
    }
    if (name === 'chunked') one.send('0\r\n\r\n')
    const answer = await one.end()
    t.match(answer, /^HTTP\/1\.1 407 /)
    t.same(linesOf(answer, 'connection'), ['close'])
    t.equal(bodyOf(answer).length, Number(linesOf(answer, 'content-length')[0]))
    t.equal(failure, undefined, 'and no reset takes it away')
  })
}

t.test('a client that waits for a 100: it gets the refusal instead, and a close (R-EXP-4, R-NODE-4)', async t => {
  const { app, client } = await refusing(t)
  expectContinue(app.server, () => true)
  for (const length of [10, 70_000]) {
    const one = await client()
    one.send(`POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`)
    const answer = await one.answer()
    t.match(answer, /^HTTP\/1\.1 407 /, 'with nothing before it')
    t.same(linesOf(answer, 'connection'), ['close'])
    one.send('x'.repeat(length)) // it has lost patience
    t.equal(await one.end(), '', 'and nothing after it')
  }
})

t.test('a leg of a handshake whose client waits for a 100: its content is let come, and the connection stays', async t => {
  const { app, client } = await refusing(t, PROXY, ['NTLM TlRMTVNTUAAC'], { continues: true })
  expectContinue(app.server, () => true)
  const one = await client()
  const post = (framing: string) => `POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`
  for (const [framing, content] of [['Content-Length: 70000', 'x'.repeat(70_000)], ['Transfer-Encoding: chunked', '3\r\nabc\r\n0\r\n\r\n']] as const) {
    t.match(await one.send(post(framing)).answer(), /^HTTP\/1\.1 100 /, framing)
    const refused = await one.send(content).answer()
    t.match(refused, /^HTTP\/1\.1 407 /)
    t.same(linesOf(refused, 'connection'), ['keep-alive'])
  }
  t.match(await one.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n').answer(), /^HTTP\/1\.1 407 /, 'one that does not wait for it gets the response first')
})

t.test('more content behind such a leg than is read away: it is refused, and the connection closes', async t => {
  const { app, client } = await refusing(t, PROXY, ['NTLM TlRMTVNTUAAC'], { continues: true })
  expectContinue(app.server, () => true)
  const one = await client()
  t.match(await one.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n').answer(), /^HTTP\/1\.1 100 /)
  const most = 16 * 1024 * 1024
  one.send(`${most.toString(16)}\r\n${'x'.repeat(most)}\r\n1\r\nx\r\n`)
  const refused = await one.until(text => text.includes('Realm: Gateway'))
  t.match(refused, /^HTTP\/1\.1 407 /)
  t.same(linesOf(refused, 'connection'), ['close'])
})

t.test('the last refusal on a connection: is sent at once, and says close, whatever its leg', async t => {
  const { app, client } = await refusing(t, PROXY, ['NTLM TlRMTVNTUAAC'], { continues: true, closes: true })
  expectContinue(app.server, () => true)
  const refused = await (await client()).send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n').answer()
  t.match(refused, /^HTTP\/1\.1 407 /)
  t.same(linesOf(refused, 'connection'), ['close'])
})

t.test('a response with fields of its own: the challenges go out beside them', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/', async (_request, reply) => {
    setChallenges(reply, PROXY, ['Basic realm="a"'])
    return await reply.code(403).header('x', 'y').send('no')
  })
  const { headers } = await app.inject('/')
  t.match(headers, { 'proxy-authenticate': ['Basic realm="a"'], 'cache-control': 'no-store', x: 'y' })
})
