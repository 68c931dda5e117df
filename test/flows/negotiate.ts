// Negotiate with a real KDC and GSSAPI at both ends.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import proxyAuth from '../../lib/index.js'
import { NegotiateStrategy } from '../../lib/strategies/negotiate/strategy.js'
import type { NegotiateOptions, NegotiateRefusal } from '../../lib/strategies/negotiate/options.js'
import { KERBEROS, NTLMSSP, negTokenInit, negTokenResp } from '../fixtures/der.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { basic } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { kdc } from '../fixtures/kdc.js'
import { firstToken, kerberos, setClock } from '../fixtures/kerberos.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'

const { skip } = kerberos
const realm = skip === false ? await kdc(t, ['HTTP/localhost', 'HTTP/127.0.0.1', 'host/localhost']) : undefined
if (realm !== undefined) {
  realm.admin('addprinc -randkey HTTP/elsewhere')
  // GSSAPI reads it for the whole process, here that of proxy and client.
  Object.assign(process.env, realm.env, { KRB5CCNAME: realm.cache('alice') })
}

interface Around extends Surroundings { readonly refused: NegotiateRefusal[] }

async function around (t: Test, options: NegotiateOptions = {}, more: GatewayOptions = {}): Promise<Around> {
  const refused: NegotiateRefusal[] = []
  const strategy = new NegotiateStrategy({ onRefused: refusal => { refused.push(refusal) }, ...options })
  return { ...await surroundings(t, { strategies: [strategy, basic()], connectionBound: true, ...more }), refused }
}

/** A variable of the environment, as long as a test runs. */
function set (t: Test, name: string, value: string): void {
  const before = process.env[name]!
  t.teardown(() => { process.env[name] = before })
  process.env[name] = value
}

const request = (form: Form, { origin }: Around, token?: string | Buffer): string =>
  message(form, `origin.test:${origin.port}`, token === undefined ? [] : [`Proxy-Authorization: Negotiate ${typeof token === 'string' ? token : token.toString('base64')}`])
const challengesOf = (answer: string) => [...answer.matchAll(/^proxy-authenticate: (.*)\r$/gim)].map(([, challenge]) => challenge!)
const statusOf = (answer: string) => Number(answer.slice(9, 12))
const BOTH = ['Negotiate', 'Basic realm="Gateway", charset="UTF-8"']

for (const form of FORMS) {
  t.test(`${form}: a ticket lets in, and the answer proves who we are (R-NEG-1, R-NEG-2, R-NEG-4)`, { skip }, async t => {
    const here = await around(t)
    const connection = await RawClient.to(t, here.port)
    const asked = await connection.send(request(form, here)).answer()
    t.same([statusOf(asked), challengesOf(asked)], [407, BOTH])
    const { token, client } = await firstToken()
    t.notOk(client.contextComplete)
    const answer = await connection.send(request(form, here, token)).answer()
    t.equal(statusOf(answer), 200)
    const [last = ''] = challengesOf(answer)
    t.match(last, /^Negotiate [\w+/]+=*$/)
    await client.step(last.slice('Negotiate '.length))
    t.ok(client.contextComplete, 'the client takes the last token')
    t.same(here.refused, [])
    if (form === 'CONNECT') return
    t.equal(here.origin.seen[0]?.headers['proxy-authorization'], undefined)
    t.match(here.proxied().at(-1), { user: 'alice', scheme: 'Negotiate' })
  })

  t.test(`${form}: what is refused, with 407 (R-NEG-5, R-NEG-6)`, { skip }, async t => {
    const here = await around(t)
    const { token } = await firstToken()
    const octets = Buffer.from(token, 'base64')
    const tampered = Buffer.from(octets)
    tampered[tampered.length - 20]! ^= 1
    const rows: Array<[name: string, token: string | Buffer, reason: string]> = [
      ['garbage', 'AAAA', 'malformed'],
      ['no base64', '*', 'malformed'],
      ['a token that is cut short', octets.subarray(0, 300), 'malformed'],
      ['a token that is changed', tampered, 'ticket'],
      ['garbage in DER', negTokenInit([KERBEROS], Buffer.alloc(300)), 'ticket'],
      ['a ticket for a service that is not ours', (await firstToken('elsewhere')).token, 'ticket'],
      ['a ticket for another service of the keytab', (await firstToken('localhost', { service: 'host' })).token, 'service'],
      ['NTLM', Buffer.from('NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2'), 'ntlm'],
      ['NTLM in SPNEGO', negTokenInit([NTLMSSP], Buffer.from('NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2')), 'ntlm'],
      ['a mechanism that nobody knows', negTokenInit([Buffer.from('06032a0304', 'hex')]), 'ticket'],
      ['a second leg', negTokenResp(Buffer.from('x')), 'leg']
    ]
    const connection = await RawClient.to(t, here.port)
    for (const [name, sent, reason] of rows) {
      const answer = await connection.send(request(form, here, sent)).answer()
      t.same([statusOf(answer), challengesOf(answer), here.refused.pop()?.reason], [407, BOTH, reason], name)
    }
    t.same(here.origin.seen, [])
    t.equal(statusOf(await connection.send(request(form, here, token)).answer()), 200, 'and the ticket is still good')
  })
}

t.test('a route that is an origin: it proves its identity as well (R-NEG-4)', { skip }, async t => {
  const upstream = await origin(t)
  const here = await around(t, {}, { reverse: [{ prefix: '/api', upstream: upstream.url, status: 401 }] })
  const { token, client } = await firstToken()
  const connection = await RawClient.to(t, here.port)
  const ask = async (...fields: string[]) => await connection.send(message('origin-form', '', fields)).answer()
  t.match(await ask(), /^HTTP\/1\.1 401 [^]*\r\nwww-authenticate: Negotiate\r\n/i)
  const [, last = ''] = /^www-authenticate: Negotiate (\S+)\r$/im.exec(await ask(`Authorization: Negotiate ${token}`)) ?? []
  await client.step(last)
  t.ok(client.contextComplete)
  t.match(upstream.seen, [{ headers: { authorization: undefined } }])
  t.equal(statusOf(await ask()), 200)
})

t.test('a token that is used twice: it counts once (R-NEG-9)', { skip }, async t => {
  const here = await around(t)
  const { token } = await firstToken()
  const [first, second] = [await RawClient.to(t, here.port), await RawClient.to(t, here.port)]
  t.equal(statusOf(await first.send(request('absolute-form', here, token)).answer()), 200)
  t.equal(statusOf(await second.send(request('absolute-form', here, token)).answer()), 407)
  t.match(here.refused, [{ reason: 'ticket', cause: /replay/ }])
  t.equal(statusOf(await first.send(request('absolute-form', here)).answer()), 200, 'the connection of the first is still alice\'s')
  t.equal(statusOf(await first.send(request('absolute-form', here, token)).answer()), 407)
  t.equal(statusOf(await first.send(request('absolute-form', here)).answer()), 407, 'and after a failure nobody\'s')
})

t.test('a handshake of two legs: it succeeds on one connection, and on no other (R-NEG-3, R-NEG-7)', { skip }, async t => {
  const here = await around(t)
  for (const form of FORMS) {
    const connection = await RawClient.to(t, here.port)
    const first = await connection.send(request(form, here, negTokenInit([KERBEROS]))).answer()
    t.equal(statusOf(first), 407)
    t.match(challengesOf(first), [/^Negotiate [\w+/]+=*$/])
    const { token } = await firstToken('localhost', { raw: true })
    const second = negTokenResp(Buffer.from(token, 'base64'))
    const elsewhere = await RawClient.to(t, here.port)
    t.equal(statusOf(await elsewhere.send(request(form, here, second)).answer()), 407)
    t.equal(here.refused.pop()?.reason, 'leg')
    const answer = await connection.send(request(form, here, second)).answer()
    t.equal(statusOf(answer), 200)
    t.match(challengesOf(answer), [/^Negotiate [\w+/]+=*$/])
  }
  t.same(here.refused, [])
})

t.test('a second leg that is wrong: it ends the handshake, and the connection may begin another (R-NEG-6)', { skip }, async t => {
  const here = await around(t)
  const ticket = Buffer.from((await firstToken('localhost', { raw: true })).token, 'base64')
  for (const form of FORMS) {
    const connection = await RawClient.to(t, here.port)
    for (const sent of ['', '*', 'AAAA', negTokenResp(Buffer.from('garbage')), negTokenResp(ticket.subarray(0, 300)), negTokenResp(Buffer.alloc(9000, 1)), negTokenInit([NTLMSSP], ticket)]) {
      t.match(challengesOf(await connection.send(request(form, here, negTokenInit([KERBEROS]))).answer()), [/^Negotiate [\w+/]+=*$/])
      const answer = await connection.send(request(form, here, sent)).answer()
      t.same([statusOf(answer), challengesOf(answer)], [407, BOTH], form)
    }
    t.equal(statusOf(await connection.send(request(form, here, negTokenResp(ticket))).answer()), 407, 'and nothing of it is left')
    t.equal(statusOf(await connection.send(request(form, here, (await firstToken()).token)).answer()), 200)
  }
  t.equal(here.origin.seen.length, 2)
})

t.test('64 KiB of credentials: 431 from node, 407 where it takes that much', { skip }, async t => {
  const big = negTokenInit([KERBEROS], Buffer.alloc(48 * 1024, 1))
  const usual = await around(t)
  t.match(await (await RawClient.to(t, usual.port)).send(request('absolute-form', usual, big)).end(), /^HTTP\/1\.1 431 /)
  const roomy = await around(t, {}, { fastify: { http: { maxHeaderSize: 128 * 1024 } } as never })
  for (const form of FORMS) {
    const connection = await RawClient.to(t, roomy.port)
    t.equal(statusOf(await connection.send(request(form, roomy, big)).answer()), 407, form)
    t.equal(statusOf(await connection.send(request(form, roomy, (await firstToken()).token)).answer()), 200)
  }
})

t.test('a client with another clock: it is refused beyond the permitted skew, and accepted within it (R-NEG-5)', { skip }, async t => {
  const here = await around(t)
  const cache = realm!.cache('bob')
  set(t, 'KRB5CCNAME', cache)
  await firstToken() // the KDC, too, looks at the clock of who asks it
  const [client, service] = [realm!.env['KRB5_CONFIG']!, realm!.configuration('clockskew = 100')] // 300 is usual
  set(t, 'KRB5_CONFIG', client)
  for (const form of FORMS) {
    for (const [seconds, status] of [[-200, 407], [200, 407], [-40, 200], [40, 200]] as const) {
      setClock(cache, seconds)
      const { token } = await firstToken()
      process.env['KRB5_CONFIG'] = service
      const connection = await RawClient.to(t, here.port)
      t.equal(statusOf(await connection.send(request(form, here, token)).answer()), status, `${form}, ${seconds} s`)
      process.env['KRB5_CONFIG'] = client
    }
  }
  t.match(here.refused, FORMS.flatMap(() => [{ reason: 'ticket', cause: /skew/ }, { reason: 'ticket', cause: /skew/ }]))
  t.equal(here.refused.length, 2 * FORMS.length)
})

t.test('a ticket that has expired: it is refused (R-NEG-5)', { skip }, async t => {
  const here = await around(t)
  set(t, 'KRB5_CONFIG', realm!.configuration('clockskew = 1'))
  const cache = realm!.cache('bob', { lifetime: '3s' })
  set(t, 'KRB5CCNAME', cache)
  const made = Date.now()
  await firstToken()
  await until(() => Date.now() > made + 5500)
  await t.rejects(firstToken(), /expired/i, 'nor does an honest client go on with it')
  for (const form of FORMS) {
    setClock(cache, Math.round((made - Date.now()) / 1000)) // so that it takes the ticket to be good
    const connection = await RawClient.to(t, here.port)
    t.equal(statusOf(await connection.send(request(form, here, (await firstToken()).token)).answer()), 407, form)
    t.match(here.refused.pop(), { reason: 'ticket', cause: /expired/ })
  }
})

t.test('a client without a ticket: it can make no token', { skip }, async t => {
  set(t, 'KRB5CCNAME', realm!.cache(null))
  await t.rejects(firstToken())
})

t.test('a service that is named in the options: only a ticket for it is accepted (R-NEG-5)', { skip }, async t => {
  const here = await around(t, { service: 'HTTP/127.0.0.1' })
  const ask = async (host: string) => {
    const connection = await RawClient.to(t, here.port)
    return statusOf(await connection.send(request('absolute-form', here, (await firstToken(host)).token)).answer())
  }
  t.equal(await ask('127.0.0.1'), 200)
  t.equal(await ask('localhost'), 407)
  t.match(here.refused, [{ reason: 'service', principal: 'alice@TEST.LOCAL' }])
})

t.test('a principal that is no user here, or of another realm: 403', { skip }, async t => {
  for (const [options, reason] of [[{ realms: ['OTHER'] }, 'realm'], [{ map: () => null }, 'user']] as const) {
    const here = await around(t, options)
    const connection = await RawClient.to(t, here.port)
    t.equal(statusOf(await connection.send(request('absolute-form', here, (await firstToken()).token)).answer()), 403)
    t.match(here.refused, [{ reason, principal: 'alice@TEST.LOCAL' }])
    t.equal(statusOf(await connection.send(request('absolute-form', here)).answer()), 407, 'and the connection is nobody\'s')
  }
})

t.test('200 requests in turn: one connection, one token (R-NEG-8)', { skip }, async t => {
  let opened = 0
  const here = await around(t, { initializeServer: async service => { opened++; return await kerberos.library.initializeServer(service) } })
  opened = 0 // the boot has opened one, to see that it can
  for (const form of ['absolute-form', 'origin-form'] as const) {
    const connection = await RawClient.to(t, here.port)
    t.equal(statusOf(await connection.send(request(form, here, (await firstToken()).token)).answer()), 200)
    for (let i = 1; i < 200; i++) {
      if (statusOf(await connection.send(request(form, here)).answer()) !== 200) return t.fail(`request ${i}`)
    }
  }
  t.equal(opened, 2)
  t.equal(here.origin.seen.length, 400)
  t.same(new Set(here.proxied().map(({ user }) => user)), new Set(['alice']))
})

t.test('two users on connections of their own, at random: neither is taken for the other', { skip }, async t => {
  const here = await around(t)
  const connections = []
  for (const user of ['alice', 'bob', 'alice', 'bob']) {
    set(t, 'KRB5CCNAME', realm!.cache(user))
    const connection = await RawClient.to(t, here.port)
    t.equal(statusOf(await connection.send(request('absolute-form', here, (await firstToken()).token)).answer()), 200)
    connections.push({ user, connection })
  }
  for (let i = 0; i < 200; i++) {
    const { user, connection } = connections[Math.floor(Math.random() * connections.length)]!
    if (statusOf(await connection.send(request('absolute-form', here)).answer()) !== 200 || here.proxied().at(-1)?.['user'] !== user) return t.fail(`request ${i} of ${user}`)
  }
  t.equal(here.origin.seen.length, 204)
})

t.test('a keytab that is missing, bad or without the service: the boot says what is wrong (R-NEG-5)', { skip }, async t => {
  const boot = async (options: NegotiateOptions = {}) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(proxyAuth, { realm: 'Gateway', strategies: [new NegotiateStrategy(options)], connectionBound: true })
    await app.ready()
  }
  await boot()
  await boot({ service: 'HTTP/localhost' })
  await t.rejects(boot({ service: 'HTTP/elsewhere' }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /HTTP\/elsewhere, got one with keys of HTTP\/localhost@TEST.LOCAL/ })
  set(t, 'KRB5_KTNAME', `FILE:${realm!.folder}/none`)
  await t.rejects(boot(), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /that of no file/ })
  writeFileSync(join(realm!.folder, 'bad'), 'garbage')
  process.env['KRB5_KTNAME'] = `FILE:${realm!.folder}/bad`
  await t.rejects(boot(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})
