// NTLM against the whole gateway, by a client of our own that can do everything wrong. Real clients are in ntlm-clients.ts.
import t from 'tap'
import type { Test } from 'tap'
import { NtlmStrategy, lookupStatic } from '../../lib/index.js'
import type { NtlmLookup } from '../../lib/index.js'
import { authenticate, negotiate } from '../fixtures/ntlm-client.js'
import type { NtlmAnswer } from '../fixtures/ntlm-client.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import type { Origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'
import { vectors } from '../fixtures/vectors.js'
import { channelBindings } from '../../lib/schemes/ntlm/channel-bindings.js'
import { X509Certificate } from 'node:crypto'

const { lookup } = lookupStatic({ alice: 'alice-secret', bob: 'bob-secret' })
const FIRST = negotiate()

async function ntlm (t: Test, options: GatewayOptions = {}) {
  const target = await origin(t, (request, response) => response.end(request.method))
  const up = await gateway(t, { strategies: [new NtlmStrategy({ lookup })], connectionBound: true, reverse: [{ prefix: '/api', upstream: target.url }], ...options })
  const head = `GET ${target.url}/ HTTP/1.1\r\nHost: x\r\n`
  return { ...up, target, head }
}

const credentials = (token: string) => `Proxy-Authorization: NTLM ${token}\r\n\r\n`
const statusOf = (answer: string) => Number(answer.slice(9, 12))
const challengeIn = (answer: string) => /\r\nproxy-authenticate: NTLM (\S+)\r\n/i.exec(answer)?.[1]

/** The last answer: the first one where that is no challenge. */
async function handshake (client: RawClient, head: string, answer?: NtlmAnswer): Promise<string> {
  const first = await client.send(head + credentials(FIRST)).answer()
  const asked = challengeIn(first)
  return asked === undefined ? first : await client.send(head + credentials(authenticate(asked, FIRST, answer))).answer()
}

t.test('200 requests on one connection, in all forms: one handshake is enough (R-NTLM-1, R-NEG-8)', async t => {
  const { port, head, target, proxied } = await ntlm(t)
  for (const [form, line] of [['forward', head], ['reverse', 'GET /api/ HTTP/1.1\r\nHost: x\r\n']] as const) {
    const client = await RawClient.to(t, port)
    t.equal(statusOf(await handshake(client, line)), 200, form)
    for (let i = 0; i < 199; i++) if (statusOf(await client.send(`${line}\r\n`).answer()) !== 200) t.fail(`request ${i}`)
  }
  t.equal(proxied().filter(({ user }) => user === 'alice').length, 400)
  const client = await RawClient.to(t, port)
  t.equal(statusOf(await handshake(client, `CONNECT ${target.authority} HTTP/1.1\r\nHost: x\r\n`, { mic: 'right', keyExchange: true })), 200)
  t.match(await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').answer(), /GET$/)
})

t.test('credentials that are wrong in any way: 407 with the bare scheme, on a connection that stays (R-NTLM-3, R-NTLM-4, R-NTLM-7)', async t => {
  const { port, head } = await ntlm(t)
  const client = await RawClient.to(t, port)
  const rows: NtlmAnswer[] = [
    { password: 'wrong' }, { user: 'mallory' }, { user: '' }, { ntResponse: Buffer.alloc(24, 1) }, { ntResponse: Buffer.alloc(0) }, { mic: 'wrong' }, { mic: 'missing' }
  ]
  for (const row of rows) {
    const answer = await handshake(client, head, row)
    t.equal(statusOf(answer), 407)
    t.match(answer, /\r\nproxy-authenticate: NTLM\r\n/i)
  }
  t.equal(statusOf(await handshake(client, head)), 200)
})

t.test('a malformed token in any leg: 407 with the bare scheme (R-NTLM-6)', async t => {
  const { port, head } = await ntlm(t)
  const client = await RawClient.to(t, port)
  const values = vectors<{ id: string, field_value: string }>('ntlm').flatMap(({ id, field_value: value }) => id.startsWith('NT-X') ? [value] : [])
  for (const begun of [false, true]) {
    for (const value of [...values, 'NTLM', 'NTLM realm="x"', 'NTLM a, b', `NTLM ${'A'.repeat(12_000)}`]) {
      if (begun) await client.send(head + credentials(FIRST)).answer()
      const answer = await client.send(`${head}Proxy-Authorization: ${value}\r\n\r\n`).answer()
      t.match(answer, /^HTTP\/1\.1 407 [^]*\r\nproxy-authenticate: NTLM\r\n/i, value.slice(0, 30))
    }
  }
  t.equal(statusOf(await handshake(client, head)), 200)
})

t.test('64 KiB of credentials: 431 from node, 407 where it takes that much', async t => {
  const big = credentials('A'.repeat(64 * 1024))
  const usual = await ntlm(t)
  t.match(await (await RawClient.to(t, usual.port)).send(usual.head + big).end(), /^HTTP\/1\.1 431 /)
  const roomy = await ntlm(t, { fastify: { http: { maxHeaderSize: 128 * 1024 } } as never })
  t.equal(statusOf(await (await RawClient.to(t, roomy.port)).send(roomy.head + big).answer()), 407)
})

t.test('a last leg on another connection, or a second time: it is refused (R-NTLM-5, S13)', async t => {
  const { port, head } = await ntlm(t)
  const [one, other] = [await RawClient.to(t, port), await RawClient.to(t, port)]
  const asked = challengeIn(await one.send(head + credentials(FIRST)).answer())!
  await other.send(head + credentials(FIRST)).answer()
  const last = head + credentials(authenticate(asked, FIRST))
  t.equal(statusOf(await other.send(last).answer()), 407, 'replayed elsewhere')
  t.equal(statusOf(await one.send(last).answer()), 200)
  t.equal(statusOf(await one.send(last).answer()), 407, 'replayed')
})

/** The same request in each form. */
const forms = ({ head, target }: { head: string, target: Origin }) => Object.entries({
  'absolute-form': head, CONNECT: `CONNECT ${target.authority} HTTP/1.1\r\nHost: x\r\n`, reverse: 'GET /api/ HTTP/1.1\r\nHost: x\r\n'
})

t.test('a last leg without a first: it is refused, and a whole handshake then succeeds (R-NTLM-5, R-NTLM-6)', async t => {
  const here = await ntlm(t)
  for (const [form, line] of forms(here)) {
    const client = await RawClient.to(t, here.port)
    const asked = challengeIn(await (await RawClient.to(t, here.port)).send(line + credentials(FIRST)).answer())!
    t.equal(statusOf(await client.send(line + credentials(authenticate(asked, FIRST))).answer()), 407, form)
    t.equal(statusOf(await handshake(client, line)), 200)
  }
})

t.test('a client that stops behind our challenge: it is cut off, and takes up room until then (R-NEG-7)', async t => {
  const hasty = await ntlm(t, { connectionBound: { handshakeTimeout: 100 } })
  for (const [form, line] of forms(hasty)) {
    const client = await RawClient.to(t, hasty.port)
    t.ok(challengeIn(await client.send(line + credentials(FIRST)).answer()), form)
    t.equal(await client.end(), '')
  }
  const narrow = await ntlm(t, { connectionBound: { maxHandshakes: 1 } })
  for (const [form, line] of forms(narrow)) {
    const [one, other] = [await RawClient.to(t, narrow.port), await RawClient.to(t, narrow.port)]
    t.equal(statusOf(await one.send(line + credentials(FIRST)).answer()), 407, form)
    t.equal(statusOf(await other.send(line + credentials(FIRST)).answer()), 503)
    one.socket.destroy()
    await until(async () => statusOf(await handshake(await RawClient.to(t, narrow.port), line)) === 200)
  }
})

t.test('a client that does not wait for a response within a handshake: what it sends early gets nowhere (S4)', async t => {
  let decide!: () => void
  const asked = new Promise<void>(resolve => { decide = resolve })
  const slow: NtlmLookup = async username => {
    await asked
    return lookup(username)
  }
  const here = await ntlm(t, { strategies: [new NtlmStrategy({ lookup: slow })] })
  const clients: RawClient[] = []
  for (const [form, line] of forms(here)) {
    const early = await RawClient.to(t, here.port)
    const first = await early.send(line + credentials(FIRST) + `${line}\r\n`.repeat(2)).answer()
    t.equal(statusOf(first), 407, form)
    if (form === 'CONNECT') {
      t.match(first, /\r\nconnection: close\r\n/i)
      t.equal(await early.end(), '')
      continue // what follows the last leg is the tunnel's
    }
    for (let i = 0; i < 2; i++) t.match(await early.answer(), /^HTTP\/1\.1 407 [^]*\r\nproxy-authenticate: NTLM\r\n/i, 'without credentials')
    t.equal(statusOf(await early.send(line + credentials(authenticate(challengeIn(first)!, FIRST))).answer()), 407, 'and they have ended it')
    const client = await RawClient.to(t, here.port)
    const asked = challengeIn(await client.send(line + credentials(FIRST)).answer())!
    clients.push(client.send(`${line}${credentials(authenticate(asked, FIRST))}${line}\r\n${line}${credentials(FIRST)}`))
  }
  t.same(here.target.seen, [])
  await (await RawClient.to(t, here.port)).send(`${here.head}\r\n`).answer() // by then those are read
  decide()
  for (const client of clients) {
    t.equal(statusOf(await client.answer()), 200)
    t.match(await client.answer(), /^HTTP\/1\.1 400 [^]*\r\nconnection: close\r\n/i)
    t.equal(await client.end(), '')
  }
  t.equal(here.target.seen.length, clients.length)
})

t.test('two clients with interleaved handshakes and requests: they are two users', async t => {
  const { port, head, proxied } = await ntlm(t)
  const [alice, bob] = [await RawClient.to(t, port), await RawClient.to(t, port)]
  const [a, b] = [challengeIn(await alice.send(head + credentials(FIRST)).answer())!, challengeIn(await bob.send(head + credentials(FIRST)).answer())!]
  await bob.send(head + credentials(authenticate(b, FIRST, { user: 'bob', password: 'bob-secret' }))).answer()
  await alice.send(head + credentials(authenticate(a, FIRST))).answer()
  for (let i = 0; i < 40; i++) await (i % 3 === 0 ? bob : alice).send(`${head}\r\n`).answer()
  t.strictSame(proxied().map(({ user }) => user), ['bob', 'alice', ...Array.from({ length: 40 }, (_, i) => i % 3 === 0 ? 'bob' : 'alice')])
})

t.test('channel bindings and a target name over TLS: they are compared where the client sends them (R-NTLM-9)', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'proxy.test')
  const { port, head } = await ntlm(t, { fastify: { https: { cert, key } } as never })
  const ours = channelBindings(new X509Certificate(cert).raw)[0]!
  const rows: Array<[NtlmAnswer, number]> = [
    [{ channelBindings: ours, targetName: `HTTP/proxy.test:${port}` }, 200], [{ channelBindings: Buffer.alloc(16) }, 200], [{}, 200],
    [{ channelBindings: Buffer.alloc(16, 1) }, 407], [{ targetName: 'HTTP/other.test' }, 407]
  ]
  for (const [answer, status] of rows) {
    const client = await RawClient.toTls(t, port, { rejectUnauthorized: false })
    t.equal(statusOf(await handshake(client, head, answer)), status)
  }
})
