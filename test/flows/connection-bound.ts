// NTLM and Negotiate authenticate a connection. What they have in common is tried here with a scheme of that shape and no more.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { proxyAuthenticate } from '../../lib/index.js'
import { LegsStrategy, leg } from '../fixtures/legs.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import type { Test } from 'tap'
import { until } from '../fixtures/until.js'

async function bound (t: Test, options: GatewayOptions = {}, strategy = new LegsStrategy()) {
  const seen: string[] = []
  const target = await origin(t, (request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['content-length'] ?? '-'}`)
    response.end('served')
  })
  const up = await gateway(t, {
    strategies: [strategy, basic()],
    connectionBound: true,
    reverse: [{ prefix: '/api', upstream: target.url }],
    after: app => { app.get('/who', { onRequest: proxyAuthenticate }, async request => request.proxyAuth?.name) },
    ...options
  })
  const forms: Record<string, string> = {
    'absolute-form': `GET ${target.url}/x HTTP/1.1\r\nHost: ${target.authority}\r\n`,
    CONNECT: `CONNECT ${target.authority} HTTP/1.1\r\nHost: ${target.authority}\r\n`,
    reverse: 'GET /api/x HTTP/1.1\r\nHost: gw.test\r\n',
    'an own route': 'GET /who HTTP/1.1\r\nHost: gw.test\r\n'
  }
  const accepted = once(up.app.server, 'connection') as Promise<[Socket]>
  const client = await RawClient.to(t, up.port)
  const [socket] = await accepted
  /** All that the client has sent so far has been read. */
  const isRead = () => socket.bytesRead === client.socket.bytesWritten
  return { ...up, target, seen, forms, client, isRead, strategy, another: () => RawClient.to(t, up.port) }
}

const as = (credentials: string) => `Proxy-Authorization: ${credentials}\r\n\r\n`
const challenges = (answer: string) => [...answer.matchAll(/^proxy-authenticate: (.*)\r$/gim)].map(([, challenge]) => challenge)
const statusOf = (answer: string) => Number(answer.slice(9, 12))
const ask = async (client: RawClient, text: string) => await client.send(text).answer()

for (const form of ['absolute-form', 'CONNECT', 'reverse', 'an own route']) {
  t.test(`${form}: all legs on one connection, then the connection is the user's (R-NEG-2, R-NEG-3, R-NEG-7, R-NEG-8, R-CONN-2)`, async t => {
    const { client, forms, seen, proxied } = await bound(t)
    const head = forms[form]!
    t.strictSame(challenges(await ask(client, `${head}\r\n`)), ['NTLM', 'Basic realm="Gateway", charset="UTF-8"'])
    const second = await ask(client, head + as(leg('1')))
    t.equal(statusOf(second), 407)
    t.strictSame(challenges(second), [leg('1')], 'a leg is answered with its own challenge alone')
    t.match(second, /\r\ncache-control: no-store\r\n/i)
    t.notMatch(second, /connection: close/i)
    t.strictSame(seen, [])
    t.equal(statusOf(await ask(client, head + as(leg('3 alice 1')))), 200)
    if (form === 'CONNECT') return
    for (let i = 0; i < 3; i++) t.equal(statusOf(await ask(client, `${head}\r\n`)), 200, 'without credentials')
    if (form === 'an own route') t.match(await ask(client, `${head}\r\n`), /alice$/)
    else t.strictSame(new Set(proxied().map(({ user }) => user)), new Set(['alice']))
  })
}

t.test('the identity of a connection: it is gone with the connection, and counts on no other (R-NEG-7, R-NEG-10)', async t => {
  const { client, forms, another } = await bound(t)
  const head = forms['absolute-form']!
  await ask(client, head + as(leg('1')))
  await ask(client, head + as(leg('3 alice 1')))
  const other = await another()
  t.equal(statusOf(await ask(other, `${head}\r\n`)), 407)
  t.equal(statusOf(await ask(other, head + as(leg('3 alice 1')))), 407, 'nor does the answer to one\'s challenge count on the other')
})

t.test('a probe without content: it is never forwarded, and content is sent once (R-EXP-8, R-NEG-11)', async t => {
  const { client, target, seen } = await bound(t)
  const head = (length: number) => `POST ${target.url}/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n`
  await ask(client, head(0) + as(leg('1')))
  t.equal(statusOf(await ask(client, `${head(5)}${as(leg('3 alice 1'))}hello`)), 200)
  await ask(client, head(0) + as(leg('1')))
  t.strictSame(seen, ['POST /x 5'], 'nor one on a connection that is somebody\'s already')
})

t.test('a leg that brings content: its connection is kept all the same (R-NEG-11, R-NTLM-2)', async t => {
  const { client, target, seen } = await bound(t)
  const content = 'x'.repeat(1_000_000)
  const head = `POST ${target.url}/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${content.length}\r\n`
  t.equal(statusOf(await ask(client, head + as(leg('1')) + content)), 407)
  t.equal(statusOf(await ask(client, head + as(leg('3 alice 1')) + content)), 200)
  t.strictSame(seen, ['POST /x 1000000'])
})

t.test('a leg out of order, or of a handshake that has ended or begun anew: it is refused', async t => {
  const { client, forms, strategy } = await bound(t)
  const head = forms['absolute-form']!
  const status = async (credentials: string) => statusOf(await ask(client, head + as(credentials)))
  t.equal(await status(leg('3 alice 1')), 407, 'the last leg first')
  t.equal(await status(leg('1')), 407)
  t.equal(await status(leg('1')), 407, 'the first leg twice')
  t.equal(await status(leg('3 alice 1')), 407, 'the challenge before the last')
  t.equal(await status(leg('3 alice 2')), 407, 'a challenge counts once, right or wrong (R-NTLM-5)')
  t.equal(await status(leg('1')), 407)
  t.equal(statusOf(await ask(client, `${head}\r\n`)), 407, 'without credentials')
  t.equal(await status(leg('3 alice 3')), 407)
  t.equal(await status(leg('1')), 407)
  t.equal(await status(ALICE), 200, 'of another scheme')
  t.equal(await status(leg('3 alice 4')), 407)
  t.strictSame(strategy.ended, [1, 2, 3, 4], 'and each state has ended')
})

t.test('a handshake with further legs: any number of them is accepted', async t => {
  const { client, forms, strategy } = await bound(t)
  const head = forms['absolute-form']!
  for (const text of ['1', '4 1', '4 2']) t.equal(statusOf(await ask(client, head + as(leg(text)))), 407)
  t.strictSame(strategy.ended, [1, 2])
  t.equal(statusOf(await ask(client, head + as(leg('3 alice 3')))), 200)
})

t.test('new credentials on an authenticated connection, right or wrong: they end its identity (R-NEG-9)', async t => {
  for (const [name, credentials, status] of [
    ['another handshake', leg('1'), 407], ['a wrong last leg', leg('3 bob 7'), 407], ['another scheme', ALICE, 200],
    ['a wrong password', 'Basic eDp4', 407], ['a scheme that is not offered', 'Bearer x', 407]
  ] as const) {
    const { client, forms } = await bound(t)
    const head = forms['absolute-form']!
    await ask(client, head + as(leg('1')))
    t.equal(statusOf(await ask(client, head + as(leg('3 alice 1')))), 200)
    t.equal(statusOf(await ask(client, head + as(credentials))), status, name)
    t.equal(statusOf(await ask(client, `${head}\r\n`)), 407, `after ${name}`)
  }
})

t.test('a new handshake by another user on the same connection: its identity is that user from then on (R-NEG-9)', async t => {
  const { client, forms } = await bound(t)
  const head = forms['an own route']!
  for (const [name, number] of [['alice', 1], ['bob', 2]]) {
    await ask(client, head + as(leg('1')))
    t.match(await ask(client, head + as(leg(`3 ${name} ${number}`))), new RegExp(`${name}$`))
    t.match(await ask(client, `${head}\r\n`), new RegExp(`${name}$`))
  }
})

t.test('a client that does not wait for the response to a leg: what it sends behind that leg is refused (S4)', async t => {
  let decide!: (right: boolean) => void
  const verdict = new Promise<boolean>(resolve => { decide = resolve })
  const { client, isRead, forms, seen } = await bound(t, {}, new LegsStrategy('NTLM', () => verdict))
  const head = forms['absolute-form']!
  await ask(client, head + as(leg('1')))
  client.send(`${head}${as(leg('3 alice 1'))}${head}\r\n${head}${as(ALICE)}${head}${as(leg('1'))}`)
  await until(isRead)
  decide(true)
  t.equal(statusOf(await client.answer()), 200, 'the first gets its answer')
  t.match(await client.answer(), /^HTTP\/1\.1 400 [^]*\r\nconnection: close\r\n/i)
  t.equal(await client.end(), '')
  t.strictSame(seen, ['GET /x -'])
})

t.test('a request over HTTP/1.0, or with traces of another proxy: no connection-bound scheme is offered or used (R-CH-13, R-NEG-10)', async t => {
  for (const field of ['Via: 1.1 other', 'Forwarded: for=192.0.2.1', 'X-Forwarded-For: 192.0.2.1']) {
    const { client, forms } = await bound(t)
    const head = forms['absolute-form']!
    const answer = await ask(client, `${head}${field}\r\n${as(leg('1'))}`)
    t.strictSame(challenges(answer), ['Basic realm="Gateway", charset="UTF-8"'])
    await ask(client, head + as(leg('1')))
    t.equal(statusOf(await ask(client, head + as(leg('3 alice 1')))), 200)
    t.equal(statusOf(await ask(client, `${head}${field}\r\n\r\n`)), 407, 'nor is an identity used')
  }
  const { client, forms } = await bound(t)
  t.strictSame(challenges(await ask(client, forms['absolute-form']!.replace('HTTP/1.1', 'HTTP/1.0') + as(leg('1')))), ['Basic realm="Gateway", charset="UTF-8"'])
})

t.test('a last token for the client: it goes out with the response, whatever that is (R-NEG-4)', async t => {
  const token = `NTLM ${Buffer.from('for alice').toString('base64')}`
  for (const form of ['absolute-form', 'CONNECT', 'reverse', 'an own route']) {
    const { client, forms } = await bound(t)
    const answer = await ask(client, forms[form]! + as(leg('2 alice')))
    t.equal(statusOf(answer), 200)
    t.strictSame(challenges(answer), [token], form)
    if (form !== 'CONNECT') t.strictSame(challenges(await ask(client, `${forms[form]}\r\n`)), [], 'once')
  }
  const { client } = await bound(t)
  t.strictSame(challenges(await ask(client, 'CONNECT denied.test:25 HTTP/1.1\r\nHost: denied.test:25\r\n' + as(leg('2 alice')))), [token])
})

t.test('a last token on a route that is an origin: it goes out with the response of the upstream, whatever that is (R-NEG-4)', async t => {
  const upstream = await origin(t, ({ url }, response) => response.writeHead(url === '/denied' ? 401 : 200, { 'Content-Length': 1, 'WWW-Authenticate': 'Basic realm="theirs"' }).end('x'))
  for (const socket of [false, true]) {
    const { another } = await bound(t, {
      reverse: [{ prefix: '/api', upstream: upstream.url, status: 401, websocket: socket }],
      before: app => { app.addHook('onRequest', async (_request, reply) => { reply.header('www-authenticate', 'Basic realm="a hook\'s"') }) }
    })
    const own = (answer: string) => [...answer.matchAll(/^www-authenticate: (.*)\r$/gim)].map(([, challenge]) => challenge)
    const client = await another()
    const request = (path: string, credentials = '\r\n') => `GET /api/${path} HTTP/1.1\r\nHost: gw.test\r\n${credentials}`
    const token = `NTLM ${Buffer.from('for alice').toString('base64')}`
    t.same(own(await ask(client, request('x'))), ['NTLM', 'Basic realm="Gateway", charset="UTF-8"'])
    for (const [path, status] of [['x', 200], ['denied', 401]] as const) {
      const answer = await ask(client, request(path, `Authorization: ${leg('2 alice')}\r\n\r\n`))
      t.equal(statusOf(answer), status)
      t.same(own(answer), ['Basic realm="theirs"', token])
    }
    t.same(own(await ask(client, request('x'))), ['Basic realm="theirs"'], 'once')
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    t.same(own(await ask(await another(), request('x', `${upgrade}Authorization: ${leg('2 alice')}\r\n\r\n`))), ['Basic realm="theirs"', token], 'in place of an upgrade')
  }
})

t.test('a client that stops between two legs: it is cut off in time (R-NEG-7)', async t => {
  for (const form of ['absolute-form', 'CONNECT']) {
    const { client, forms, strategy } = await bound(t, { connectionBound: { handshakeTimeout: 100 } })
    await ask(client, forms[form]! + as(leg('1')))
    t.equal(await client.end(), '')
    await until(() => strategy.ended.length === 1)
  }
})

t.test('a finished handshake: it has no deadline', async t => {
  const { client, forms, another } = await bound(t, { connectionBound: { handshakeTimeout: 2000 } })
  const head = forms['absolute-form']!
  await ask(client, head + as(leg('1')))
  await ask(client, head + as(leg('3 alice 1')))
  const stalled = await another()
  await ask(stalled, head + as(leg('1')))
  await stalled.end() // which began later
  t.equal(statusOf(await ask(client, `${head}\r\n`)), 200)
})

t.test('more handshakes at one time than the limit: the next is 503 until one of them has ended', async t => {
  const { client, forms, another, strategy } = await bound(t, { connectionBound: { maxHandshakes: 1 } })
  const head = forms['absolute-form']!
  await ask(client, head + as(leg('1')))
  const other = await another()
  t.match(await ask(other, head + as(leg('1'))), /^HTTP\/1\.1 503 [^]*\r\nretry-after: 5\r\n/i)
  client.socket.destroy()
  await until(() => strategy.ended.length === 1)
  t.equal(statusOf(await ask(other, head + as(leg('1')))), 407)
})

t.test('a revoked user with an authenticated connection: the next request on it is challenged', async t => {
  const { app, client, forms } = await bound(t)
  const head = forms['an own route']!
  t.match(await ask(client, head + as(leg('2 alice'))), /alice$/)
  app.proxyAuthRevoke('bob')
  t.match(await ask(client, `${head}\r\n`), /alice$/)
  app.proxyAuthRevoke('alice')
  t.equal(statusOf(await ask(client, `${head}\r\n`)), 407)
  t.match(await ask(client, head + as(leg('2 alice'))), /alice$/)
})

t.test('a connection-bound scheme without option connectionBound: it fails the boot (R-CH-12, R-NEG-10)', async t => {
  await t.rejects(gateway(t, { strategies: [new LegsStrategy()] }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /connectionBound/ })
})
