import type { FastifyReply } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { BearerStrategy, DigestStrategy, answerDigestChallenge } from '../../lib/index.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { closedPort } from '../fixtures/closed-port.js'
import { connectHead } from '../fixtures/connect-head.js'
import { fakeParent } from '../fixtures/fake-parent.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client, wholeAnswer } from '../fixtures/http2-client.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'
import { stalledListener } from '../fixtures/stalled-listener.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'

const field = (credentials: string) => `Proxy-Authorization: ${credentials}`
const withBasic = (userPass: string) => field(`Basic ${Buffer.from(userPass).toString('base64')}`)
const RIGHT = field(ALICE)

/** The status line of a CONNECT, without the version. */
async function lineOf (t: Test, options: GatewayOptions, authority: string, ...fields: string[]): Promise<string> {
  const { port } = await gateway(t, options)
  const client = await RawClient.to(t, port)
  return readAnswer(await client.send(connectHead(authority, ...fields)).answer()).line.replace('HTTP/1.1 ', '')
}

type Lookup = (host: string, options: unknown, done: (error: Error | null, addresses: object[]) => void) => void
const failing = (code: string): Lookup => (_host, _options, done) => { done(Object.assign(new Error(), { code }), []) }
const never: Lookup = () => {}
const to = (address: string): Lookup => (_host, _options, done) => { done(null, [{ address, family: 4 }]) }
const forward = (options: object) => ({ forward: { special: ['127.0.0.1:*'], ...options } as never })
const NAME = 'origin.test:443'

t.test('a CONNECT that the policy refuses: the status line has the reason', async t => {
  for (const [options, authority, line] of [
    [{ allow: ['other.test'] }, NAME, '403 Not on the allow list'],
    [{ deny: ['origin.test'] }, NAME, '403 On the deny list'],
    [{ special: [] }, 'origin.test:25', '403 Port not allowed'],
    [{}, '10.1.2.3:443', '403 Special-purpose address'],
    [{ lookup: to('10.1.2.3') }, NAME, '403 Special-purpose address'],
    [{ check: () => 'closed until noon' }, NAME, '403 Closed until noon'],
    [{ check: () => false }, NAME, '403 Refused by a rule'],
    [{ check: () => 'geschlossen f\u00fcr alle' }, NAME, '403 Target denied'],
    [{ check: () => 'a\r\nSet-Cookie: a=b' }, NAME, '403 A  Set-Cookie: a=b'],
    [{ check: () => { throw new Error('bug') } }, NAME, '500 The check of the target failed'],
    [{ check: () => new Promise(() => {}), checkTimeout: 1 }, NAME, '503 The check of the target timed out']
  ] as const) t.equal(await lineOf(t, forward(options), authority, RIGHT), line)
})

t.test('a target that cannot be reached: the status line says how', async t => {
  const closed = `127.0.0.1:${await closedPort()}`
  const stalled = `127.0.0.1:${(await stalledListener(t)).port}`
  for (const [options, authority, line] of [
    [{ lookup: failing('ENOTFOUND') }, NAME, '502 Name not found'],
    [{ lookup: never, dnsTimeout: 1 }, NAME, '504 Name look-up timed out'],
    [{}, closed, '502 Connection refused'],
    [{ connectTimeout: 1 }, stalled, '504 Connection timed out'],
    [{ parents: [{ url: `http://${closed}`, to: ['other.test'] }] }, NAME, '502 No parent proxy serves this target'],
    [{ parents: [{ url: `http://${closed}` }] }, NAME, '502 The parent proxy cannot be reached']
  ] as const) t.equal(await lineOf(t, forward(options), authority, RIGHT), line)
  const parent = await fakeParent(t, (_head, _place, socket) => { socket.end('HTTP/1.1 403 Secret words\r\nContent-Length: 0\r\n\r\n'); return undefined })
  t.equal(await lineOf(t, forward({ parents: [{ url: `http://127.0.0.1:${parent.port}` }] }), NAME, RIGHT), '403 Refused by the parent proxy')
})

t.test('a request that is malformed, loops or comes too often: the status line says so', async t => {
  t.equal(await lineOf(t, {}, 'origin.test', RIGHT), '400 Bad request target')
  t.equal(await lineOf(t, {}, NAME, RIGHT, 'Content-Length: 5'), '400 Bad request')
  t.equal(await lineOf(t, {}, NAME, RIGHT, RIGHT), '400 A field occurs more than once')
  t.equal(await lineOf(t, {}, NAME, field('Basic !')), '400 Malformed proxy credentials')
  t.equal(await lineOf(t, { via: 'gw' }, NAME, RIGHT, 'Via: 1.1 gw'), '502 Request went through this proxy before')
  const { port } = await gateway(t, { attempts: { perUser: 1 } })
  const lines: string[] = []
  for (const userPass of ['alice:a', 'alice:b']) {
    const client = await RawClient.to(t, port)
    lines.push(readAnswer(await client.send(connectHead(NAME, withBasic(userPass))).answer()).line)
  }
  t.strictSame(lines, ['HTTP/1.1 407 Proxy credentials not accepted', 'HTTP/1.1 429 Too many failed attempts'])
})

t.test('a strategy that knows the user and refuses, or cannot tell: the status line says so', async t => {
  const own = (authenticate: Parameters<typeof foreign>[1]) => ({ strategies: [{ strategy: foreign('own', authenticate), scheme: 'Own' }] })
  const presented = field('Own x')
  t.equal(await lineOf(t, { strategies: [new BearerStrategy({ verify: () => ({ error: 'insufficient_scope' }) })] }, NAME, field('Bearer x')), '403 Access refused')
  t.equal(await lineOf(t, own(function () { this.fail(403) }), NAME, presented), '403 Access refused')
  t.equal(await lineOf(t, own(function () { this.error(new Error('canary')) }), NAME, presented), '500 Proxy credentials could not be checked')
  t.equal(await lineOf(t, own(function () { this.error(Object.assign(new Error('canary'), { code: 'ECONNREFUSED' })) }), NAME, presented), '503 Proxy credentials cannot be checked now')
  t.equal(await lineOf(t, { ...own(() => {}), strategyTimeout: 1 }, NAME, presented), '503 The check of proxy credentials timed out')
})

const USUAL = 'HTTP/1.1 407 Proxy Authentication Required'
const WRONG = 'HTTP/1.1 407 Proxy credentials not accepted'
const LOOKUP = (name: string) => name === 'alice' ? { password: 'alice-secret' } : false

/** The response to each CONNECT of one client, on one connection. */
async function asking (t: Test, port: number): Promise<(...fields: string[]) => Promise<Answer>> {
  const client = await RawClient.to(t, port)
  return async (...fields) => readAnswer(await client.send(connectHead(NAME, ...fields)).answer())
}

t.test('a 407: the status line tells wrong credentials from missing ones, and not what is wrong with them', async t => {
  const { port } = await gateway(t, { strategies: [basic(), new DigestStrategy({ lookup: LOOKUP })] })
  const ask = await asking(t, port)
  t.equal((await ask()).line, USUAL)
  t.equal((await ask(field('Newauth x'))).line, USUAL, 'of a scheme that is not offered')
  const challenges = (await ask()).fields['proxy-authenticate']!
  const digest = (username: string) => field(answerDigestChallenge(challenges, { username, password: 'guess', method: 'CONNECT', uri: NAME, nc: 1, cnonce: 'c' })!.credentials)
  for (const name of ['alice', 'nobody']) {
    for (const wrong of [withBasic(`${name}:guess`), withBasic(`${name}:`), digest(name)]) t.equal((await ask(wrong)).line, WRONG, wrong)
  }
})

t.test('a stale nonce, and a leg of a handshake: the status line says nothing of wrong credentials', async t => {
  const strategies = () => [new DigestStrategy({ lookup: LOOKUP })]
  const { fields } = await (await asking(t, (await gateway(t, { strategies: strategies() })).port))()
  const signed = answerDigestChallenge(fields['proxy-authenticate']!, { username: 'alice', password: 'alice-secret', method: 'CONNECT', uri: NAME, nc: 1, cnonce: 'c' })!
  const stale = await (await asking(t, (await gateway(t, { strategies: strategies() })).port))(field(signed.credentials))
  t.match(stale, { line: USUAL, fields: { 'proxy-authenticate': /stale=true/ } })

  const legs = foreign('legs', function () { this.fail('NTLM TlRMTVNTUAACAAAA') })
  const { port } = await gateway(t, { connectionBound: true, strategies: [{ strategy: legs, scheme: 'NTLM', grammar: 'opaque' }] })
  t.equal((await (await asking(t, port))(field('NTLM TlRMTVNTUAABAAAA'))).line, USUAL)
})

t.test('a connection that is kept after a 407: each response has a phrase of its own, then the tunnel stands', { skip: openssl.skip }, async t => {
  const { authority } = await tcpOrigin(t)
  const { cert, key } = certificate(t, 'proxy.test')
  const plain = await gateway(t)
  const secure = await gateway(t, { fastify: { https: { cert, key } } as never })
  for (const client of [await RawClient.to(t, plain.port), await RawClient.toTls(t, secure.port, { ca: cert })]) {
    const line = async (...fields: string[]) => readAnswer(await client.send(connectHead(authority, ...fields)).answer()).line
    t.equal(await line(), USUAL)
    t.equal(await line(withBasic('alice:guess')), WRONG)
    t.equal(await line(), USUAL)
    t.equal(await line(RIGHT), 'HTTP/1.1 200 Connection established')
    t.equal(await client.send('echo').until(text => text.endsWith('echo')), 'echo')
  }
})

t.test('over HTTP/2: there is no phrase, and the CONNECT is refused as ever', async t => {
  const { url } = await gateway(t, { forward: { allow: ['other.test'] }, fastify: { http2: true } as never })
  const client = await Http2Client.to(t, url)
  t.match(await wholeAnswer(client.send({ ':method': 'CONNECT', ':authority': NAME, 'proxy-authorization': ALICE }, null)), { status: 403 })
  client.session.close()
})

t.test('connect.reasonPhrases: false sends the name of the status, and texts stand for ours', async t => {
  const closed = `127.0.0.1:${await closedPort()}`
  t.equal(await lineOf(t, { connect: { reasonPhrases: false } }, closed, RIGHT), '502 Bad Gateway')
  t.equal(await lineOf(t, { connect: { reasonPhrases: false } }, closed, withBasic('alice:guess')), '407 Proxy Authentication Required')
  const reasonPhrases = { FST_PROXY_AUTH_CONNECTION_REFUSED: 'Nothing listens there', FST_PROXY_AUTH_REQUIRED: 'Ask the help desk' }
  t.equal(await lineOf(t, { connect: { reasonPhrases } }, closed, RIGHT), '502 Nothing listens there')
  t.equal(await lineOf(t, { connect: { reasonPhrases } }, closed, withBasic('alice:guess')), '407 Ask the help desk')
  t.equal(await lineOf(t, { connect: { reasonPhrases } }, closed), '407 Proxy Authentication Required')
})

t.test('an error handler of the application: with its own status goes no phrase of another, and what it says itself stays', async t => {
  const handled = (handle: (error: Error, reply: FastifyReply) => unknown): GatewayOptions =>
    ({ forward: { allow: ['other.test'] }, before: app => { app.setErrorHandler((error, _request, reply) => handle(error as Error, reply)) } })
  t.equal(await lineOf(t, handled((error, reply) => reply.code(403).send(error.name)), NAME, RIGHT), '403 Not on the allow list')
  t.equal(await lineOf(t, handled((error, reply) => reply.code(404).send(error.name)), NAME, RIGHT), '404 Not Found')
  t.equal(await lineOf(t, handled((_error, reply) => reply.code(200).send('fine')), NAME, RIGHT), '403 Not on the allow list', 'a success is none')
  t.equal(await lineOf(t, handled((_error, reply) => { throw reply.raw }), NAME, RIGHT), '500 Internal Server Error')
  t.equal(await lineOf(t, handled((error, reply) => { reply.raw.statusMessage = 'Mine'; reply.code(403).send(error) }), NAME, RIGHT), '403 Mine')
})
