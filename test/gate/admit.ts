import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import type { Http2Stream } from 'node:http2'
import { Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { admit } from '../../lib/gate/admit.js'
import type { AdmitOptions } from '../../lib/gate/admit.js'
import { addAuthenticationInfo } from '../../lib/gate/role/authentication-info.js'
import { ORIGIN } from '../../lib/gate/role/role.js'
import { Revocations } from '../../lib/policy/revocations.js'
import { ConnectionIdentities } from '../../lib/passport/connection-identity.js'
import type { UserPass } from '../../lib/schemes/basic.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { verifyStatic } from '../../lib/users/static.js'
import { admitOptions } from '../fixtures/admit-options.js'
import { basic } from '../fixtures/attempt.js'
import { Covering, covering, md5 } from '../fixtures/covering.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { Events } from '../../lib/events/events.js'
import { LegsStrategy, leg } from '../fixtures/legs.js'
import { RawClient } from '../fixtures/raw-client.js'

const ALICE = basic('alice', 'alice-secret')
const strategy = new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })
/** Accepts one value of `x-key`. */
const keyed = {
  strategy: foreign('key', function ({ headers }) {
    headers['x-key'] === 'k' ? this.success({ username: 'key' }) : this.fail()
  }),
  scheme: null,
  reads: ['x-key']
}

interface Asked {
  method?: 'GET' | 'POST'
  payload?: string
  headers?: Record<string, string>
  remoteAddress?: string
  /** Done with the request before it is judged. */
  before?: (request: FastifyRequest, reply: FastifyReply) => unknown
  /** Done while it is judged. */
  meanwhile?: (request: FastifyRequest, reply: FastifyReply) => unknown
  /** Done with it afterwards. */
  after?: (request: FastifyRequest) => unknown
}

/** What it returns or throws at once comes as a promise, too. */
const admitted = async (...args: Parameters<typeof admit>) => await admit(...args)
const closed = ({ raw }: FastifyReply) => new Promise(resolve => raw.once('close', resolve))

/** What `admit` makes of a request, and what it leaves of it. */
async function judge (t: Test, options: AdmitOptions, { before, meanwhile, after, ...request }: Asked = {}) {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.all('/*', async (request, reply) => {
    await before?.(request, reply)
    const pending = admitted(request, reply, options)
    await meanwhile?.(request, reply)
    const outcome = await pending.then(refused => ({ refused }), error => ({ error: { code: error.code, statusCode: error.statusCode } }))
    after?.(request)
    const { proxyAuth, headers, raw: { rawHeaders } } = request
    return { ...outcome, proxyAuth, headers, rawNames: rawHeaders.filter((_, i) => i % 2 === 0).map(name => name.toLowerCase()) }
  })
  return JSON.parse((await app.inject({ url: '/path?q=1', ...request })).body)
}

t.test('right credentials that come unasked: they are accepted, and the user is known (R-CRED-6, R-MAP-7)', async t => {
  const seen = await judge(t, admitOptions([strategy]), { headers: { 'proxy-authorization': ALICE } })
  t.equal(seen.refused, null)
  t.same(seen.proxyAuth, {
    user: { username: 'alice' }, name: 'alice', info: { userId: 'alice' }, scheme: 'Basic', realm: 'Gateway'
  })
})

t.test('missing, wrong and unknown credentials: they are refused with the challenges (R-407-2, R-CRED-2)', async t => {
  for (const credentials of [undefined, basic('alice', 'wrong'), basic('nobody', 'x'), 'Newauth x', 'Basic']) {
    const headers: Record<string, string> = credentials === undefined ? {} : { 'proxy-authorization': credentials }
    const { refused, proxyAuth } = await judge(t, admitOptions([strategy]), { headers })
    t.match(refused, { kind: 'refused', status: 407, challenges: ['Basic realm="Gateway", charset="UTF-8"'] }, credentials ?? 'none')
    t.equal(proxyAuth, null)
  }
})

t.test('a verdict of any kind: the credentials are taken off the request, and nothing else (R-CHAIN-1, R-CHAIN-4)', async t => {
  const own = { authorization: 'Bearer app', cookie: 'session=1' }
  const broken = foreign('broken', () => { throw new Error('down') })
  const cases: Array<[string, AdmitOptions, Asked]> = [
    ['let in', admitOptions([strategy]), { headers: { 'proxy-authorization': ALICE } }],
    ['refused', admitOptions([strategy]), { headers: { 'proxy-authorization': 'Basic eDp4' } }],
    ['malformed', admitOptions([strategy]), { headers: { 'proxy-authorization': 'Basic !' } }],
    ['broken', admitOptions([{ strategy: broken, scheme: 'Basic' }]), { headers: { 'proxy-authorization': ALICE } }],
    ['twice', admitOptions([strategy]), {
      headers: { 'proxy-authorization': ALICE }, before: ({ raw }) => raw.rawHeaders.push('PROXY-Authorization', ALICE)
    }],
    ['known already', admitOptions([strategy]), {
      headers: { 'proxy-authorization': ALICE }, before: request => { request.proxyAuth = { name: 'somebody' } as never }
    }]
  ]
  for (const [name, options, { headers, ...asked }] of cases) {
    const seen = await judge(t, options, { headers: { ...headers, ...own }, ...asked })
    t.match(seen.headers, own, name)
    t.notOk('proxy-authorization' in seen.headers, name)
    t.notOk(seen.rawNames.includes('proxy-authorization'), name)
    t.ok(seen.rawNames.includes('authorization') && seen.rawNames.includes('cookie'), name)
  }
})

t.test('a user that is revoked during the lookup: the strategy is asked anew', async t => {
  const revocations = new Revocations()
  const answers = [{ username: 'alice', old: true }, { username: 'alice' }]
  const slow = new BasicStrategy({ verify: async () => answers.shift()! })
  const meanwhile = () => revocations.revoke('alice')
  const headers = { 'proxy-authorization': ALICE }
  t.same((await judge(t, admitOptions([slow], { revocations }), { headers, meanwhile })).proxyAuth.user, { username: 'alice' })
  answers.push({ username: 'bob', old: true })
  t.match((await judge(t, admitOptions([slow], { revocations }), { headers, meanwhile })).proxyAuth.user, { old: true }, 'not another')
  answers.push({ username: 'alice', old: true })
  const gone = new BasicStrategy({ verify: async () => answers.shift() ?? null })
  t.match((await judge(t, admitOptions([gone], { revocations }), { headers, meanwhile })).refused, { status: 407 })
})

t.test('a verifier that revokes each user it accepts: the attempt ends with 503', async t => {
  const revocations = new Revocations()
  let asked = 0
  const verify = () => {
    asked++
    revocations.revoke('alice')
    return { username: 'alice' }
  }
  const { error, proxyAuth } = await judge(t, admitOptions([new BasicStrategy({ verify })], { revocations }), { headers: { 'proxy-authorization': ALICE } })
  t.same(error, { code: 'FST_PROXY_AUTH_STRATEGY_UNAVAILABLE', statusCode: 503 })
  t.strictSame([asked, proxyAuth], [3, null])
})

t.test('two fields with credentials: they are an error before a strategy sees either (R-CRED-1)', async t => {
  let asked = 0
  const counting = foreign('counting', () => { asked++ })
  const { error, proxyAuth } = await judge(t, admitOptions([{ strategy: counting, scheme: null }]), {
    headers: { 'proxy-authorization': ALICE }, before: ({ raw }) => raw.rawHeaders.push('Proxy-Authorization', ALICE)
  })
  t.same(error, { code: 'FST_PROXY_AUTH_DUPLICATE_FIELD', statusCode: 400 })
  t.equal(proxyAuth, null)
  t.equal(asked, 0)
})

t.test('a request that has been accepted: the strategies are not asked again', async t => {
  const options = admitOptions([strategy])
  const seen = await judge(t, options, {
    before: async (request, reply) => {
      request.raw.headers['proxy-authorization'] = ALICE
      request.raw.rawHeaders.push('Proxy-Authorization', ALICE)
      await admit(request, reply, options)
    }
  })
  t.equal(seen.refused, null)
  t.equal(seen.proxyAuth.name, 'alice')
})

t.test('a request that other strategies have accepted: it is judged anew, without the credentials they consumed', async t => {
  const other = admitOptions([{ strategy: foreign('other', function () { this.success('mallory') }), scheme: null }])
  const options = admitOptions([strategy])
  const first = async (request: FastifyRequest, reply: FastifyReply) => { await admit(request, reply, other) }
  const seen = await judge(t, options, { headers: { 'proxy-authorization': ALICE }, before: first })
  t.match(seen.refused, { status: 407, reason: 'missing', challenges: ['Basic realm="Gateway", charset="UTF-8"'] })
  t.equal(seen.proxyAuth, null, 'nobody is known on this route')
  const same = await judge(t, other, { before: first })
  t.equal(same.refused, null)
  t.equal(same.proxyAuth.name, 'mallory')
})

t.test('an identity that no gate has made, or none of any kind: asked (F-63)', async t => {
  for (const proxyAuth of [{ name: 'of the application' }, undefined, 'alice']) {
    const before = (request: FastifyRequest) => { request.proxyAuth = proxyAuth as never }
    t.match(await judge(t, admitOptions([strategy]), { before }), { refused: { status: 407, reason: 'missing' }, proxyAuth: null })
  }
})

t.test('the fields that any strategy reads: they are taken off, whichever strategies were asked (R-CRED-4)', async t => {
  const seen = await judge(t, { ...admitOptions([strategy]), reads: ['x-key'] }, { headers: { 'x-key': 'k', 'x-other': 'o' } })
  t.notOk(seen.rawNames.includes('x-key'))
  t.ok(seen.rawNames.includes('x-other'))
})

t.test('an origin: it asks for Authorization, and forwards neither field (R-GW-4)', async t => {
  const headers = { authorization: ALICE, 'proxy-authorization': 'Basic eDp4', cookie: 'session=1' }
  const seen = await judge(t, admitOptions([strategy], { mode: ORIGIN }), { headers })
  t.equal(seen.proxyAuth.name, 'alice')
  t.match(seen.headers, { cookie: 'session=1' })
  t.notOk(seen.rawNames.some((name: string) => name.includes('authorization')), seen.rawNames)
  const { refused } = await judge(t, admitOptions([strategy], { mode: ORIGIN }), { headers: { 'proxy-authorization': ALICE } })
  t.equal(refused.status, 407, 'which the hook sends as 401')
})

t.test('credentials in Authorization at a proxy: they do not count, and the field stays (R-CRED-4, R-MAP-1)', async t => {
  const seen = await judge(t, admitOptions([strategy]), { headers: { authorization: ALICE } })
  t.equal(seen.refused.status, 407)
  t.equal(seen.headers.authorization, ALICE)
})

t.test('fields that a strategy of the chain reads: they are taken off as well, used or not', async t => {
  const both = [strategy, keyed]
  const byKey = await judge(t, admitOptions(both), { headers: { 'x-key': 'k' } })
  t.equal(byKey.proxyAuth.name, 'key')
  t.notOk(byKey.rawNames.includes('x-key') || 'x-key' in byKey.headers)
  const byName = await judge(t, admitOptions(both), { headers: { 'x-key': 'k', 'proxy-authorization': ALICE } })
  t.equal(byName.proxyAuth.name, 'alice')
  t.notOk(byName.rawNames.includes('x-key') || 'x-key' in byName.headers)
  const inTheClear = await judge(t, admitOptions(both, { inTheClear: [strategy] }), {
    headers: { 'x-key': 'k', 'proxy-authorization': ALICE }, remoteAddress: '192.0.2.9'
  })
  t.equal(inTheClear.proxyAuth.name, 'alice')
  t.notOk(inTheClear.rawNames.includes('x-key') || 'x-key' in inTheClear.headers, 'also where it is not asked')
})

const CLEAR: Array<{ name: string, address: string | undefined, tls?: boolean, clear: boolean }> = [
  { name: 'loopback', address: '127.0.0.1', clear: false },
  { name: 'all of 127/8', address: '127.8.7.6', clear: false },
  { name: 'loopback of IPv6', address: '::1', clear: false },
  { name: 'loopback on a dual-stack socket', address: '::ffff:127.0.0.1', clear: false },
  { name: 'a socket in the file system', address: undefined, clear: false },
  { name: 'elsewhere with TLS', address: '192.0.2.9', tls: true, clear: false },
  { name: 'elsewhere', address: '192.0.2.9', clear: true },
  { name: 'elsewhere on a dual-stack socket', address: '::ffff:192.0.2.9', clear: true },
  { name: 'elsewhere by IPv6', address: '2001:db8::127.0.0.1', clear: true }
]
for (const { name, address, tls = false, clear } of CLEAR) {
  t.test(`${name} is ${clear ? '' : 'not '}in the clear (R-CH-14, R-BEARER-9)`, async t => {
    const { refused } = await judge(t, admitOptions([strategy], { inTheClear: [] }), {
      headers: { 'proxy-authorization': ALICE },
      before: ({ raw: { socket } }) => {
        Object.defineProperty(socket, 'remoteAddress', { value: address })
        if (tls) Object.assign(socket, { encrypted: true })
      }
    })
    if (clear) t.match(refused, { status: 403, challenges: [] }, 'and then there is nothing to ask for')
    else t.equal(refused, null)
  })
}

t.test('an error of a strategy: it is an error, never a refusal (R-407-15)', async t => {
  const broken = foreign('broken', function () { this.error(new Error('down')) })
  const { error, proxyAuth } = await judge(t, admitOptions([{ strategy: broken, scheme: null }]))
  t.same(error, { code: 'FST_PROXY_AUTH_STRATEGY_FAILED', statusCode: 500 })
  t.equal(proxyAuth, null)
})

t.test('a user without a name, or info that cannot be sent: it is an error, and no user is accepted (R-407-15)', async t => {
  const headers = { 'proxy-authorization': 'Newauth x' }
  const giving = (user: unknown, info?: unknown) =>
    [{ strategy: foreign('giving', function () { this.success(user, info) }), scheme: 'Newauth' }]
  const cases: Array<[string, AdmitOptions]> = [
    ['nameless', admitOptions(giving({ id: 7 }))],
    ['principal throws', admitOptions(giving({}), {
      principal: () => { throw Object.assign(new Error('no'), { statusCode: 407 }) }
    })],
    ['cannot be sent', admitOptions(giving('alice', { proxyAuthenticationInfo: { nextnonce: 'a\r\nb' } }))],
    ['no text', admitOptions(giving('alice', { proxyAuthenticationInfo: { nextnonce: {} } }))]
  ]
  for (const [name, options] of cases) {
    const { error, proxyAuth } = await judge(t, options, { headers })
    t.same(error, { code: 'FST_PROXY_AUTH_STRATEGY_FAILED', statusCode: 500 }, name)
    t.equal(proxyAuth, null, name)
  }
})

const FOR_RESPONSE: Array<{ info: object, field: string, value: string }> = [
  { info: { proxyAuthenticationInfo: { rspauth: '6629' } }, field: 'proxy-authentication-info', value: 'rspauth="6629"' },
  { info: { proxyAuthenticate: { scheme: 'Negotiate', token68: 'b2s=' } }, field: 'proxy-authenticate', value: 'Negotiate b2s=' },
  {
    info: { digest: { qop: 'auth-int', nodeHash: 'md5', authenticationInfo: (over = '') => ({ over }) } },
    field: 'proxy-authentication-info',
    value: `left=3, over=${md5('content')}`
  }
]
for (const { info, field, value } of FOR_RESPONSE) {
  t.test(`a strategy that has nothing but ${Object.keys(info).join()} for the response: the response says it`, async t => {
    const saying = foreign('saying', function () { this.success('alice', info) })
    const app = Fastify()
    t.teardown(() => app.close())
    app.decorateRequest('proxyAuth', null)
    app.get('/', async (request, reply) => {
      await admit(request, reply, admitOptions([{ strategy: saying, scheme: null }]))
      if ('digest' in info) addAuthenticationInfo(reply, { left: '3' }) // it is for what is said otherwise
      return 'content'
    })
    t.equal((await fetch(await app.listen({ port: 0, host: '127.0.0.1' }))).headers.get(field), value)
  })
}

t.test('option principal: it names the user', async t => {
  const principal = (user: { username: string }) => user.username.toUpperCase()
  const { proxyAuth } = await judge(t, admitOptions([strategy], { principal: principal as never }), { headers: { 'proxy-authorization': ALICE } })
  t.equal(proxyAuth.name, 'ALICE')
})

t.test('a strategy that is asked: it sees the target and the address of the client', async t => {
  const seeing = foreign('seeing', function (request) {
    const { url, ip } = request as unknown as { url: string, ip: string }
    this.success(`${ip} ${url}`)
  })
  const { proxyAuth } = await judge(t, admitOptions([{ strategy: seeing, scheme: null }]), { remoteAddress: '192.0.2.9' })
  t.equal(proxyAuth.name, '192.0.2.9 /path?q=1')
})

for (const when of ['meanwhile', 'before']) {
  t.test(`a client that leaves ${when} ends the attempt (R-MAP-6)`, async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    let beAsked = () => {}
    const asked = new Promise<void>(resolve => { beAsked = resolve })
    const silent = foreign('silent', () => { beAsked() })
    const options = admitOptions([{ strategy: silent, scheme: null }], { timeout: 100_000 })
    app.decorateRequest('proxyAuth', null)
    const verdict = new Promise(resolve => app.get('/', async (request, reply) => {
      if (when === 'before') await closed(reply)
      await admitted(request, reply, options).then(resolve, resolve)
    }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    if (when === 'meanwhile') await asked
    else await once(app.server, 'request')
    client.socket.destroy()
    t.match(await verdict, { code: 'FST_PROXY_AUTH_CLIENT_LEFT', statusCode: 499 })
  })
}

t.test('an HTTP/2 client that left before a strategy is asked: it is noticed too, and the attempt ends', async t => {
  const silent = foreign('silent', () => {})
  const options = admitOptions([{ strategy: silent, scheme: null }], { timeout: 60_000 })
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  const verdict = new Promise(resolve => app.get('/', async (request, reply) => {
    await new Promise(resolve => reply.raw.stream.once('close', resolve))
    await admitted(request as never, reply as never, options).then(resolve, resolve)
  }))
  const client = await Http2Client.to(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  const stream = client.send({ ':path': '/' }, null)
  await once(app.server, 'request')
  stream.close(8)
  t.match(await verdict, { code: 'FST_PROXY_AUTH_CLIENT_LEFT', statusCode: 499 })
})

t.test('a HEAD over HTTP/2 whose stream is reset without an error: the response says that it is over, and the stream is gone', async t => {
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  const judged = new Promise<ServerResponse & { stream: Http2Stream }>(resolve => app.head('/', async (request, reply) => {
    await admitted(request as never, reply as never, admitOptions([strategy]))
    reply.hijack()
    resolve(reply.raw as never)
  }))
  const client = await Http2Client.to(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  const stream = client.send({ ':path': '/', ':method': 'HEAD', 'proxy-authorization': ALICE }, null)
  const response = await judged
  const over = Promise.all([once(response, 'close'), once(response.stream, 'close')])
  stream.close(constants.NGHTTP2_NO_ERROR)
  await over
  t.equal(response.stream.destroyed, true)
})

for (const [when, verify] of [['at once', verifyStatic({ alice: 'alice-secret' })], ['later', async ({ password }: UserPass) => password === 'alice-secret' ? { username: 'alice' } : null]] as const) {
  t.test(`the name of a refused user, once a user was let in by it ${when}: the refusal has it (R-DIG-43)`, async t => {
    const options = admitOptions([new BasicStrategy({ verify })])
    const noteOf = async (credentials: string) => (await judge(t, options, { headers: { 'proxy-authorization': credentials } })).refused.note
    t.equal(await noteOf(basic('alice', 'wrong')), null)
    for (const time of ['once', 'again']) t.equal((await judge(t, options, { headers: { 'proxy-authorization': ALICE } })).refused, null, time)
    t.same(await noteOf(basic('alice', 'wrong')), { reason: 'rejected', guess: true, userId: 'alice' })
    t.equal(await noteOf(basic('hunter2', '')), null, 'no other text in its place')
  })
}

t.test('a verdict that has come: no listener is left behind', async t => {
  const slow = foreign('slow', function () { setImmediate(() => this.success('alice')) })
  let listeners = 0
  const { proxyAuth } = await judge(t, admitOptions([{ strategy: slow, scheme: null }]), {
    before: (_request, { raw }) => { listeners = raw.listenerCount('close') },
    meanwhile: async (_request, { raw }) => {
      await new Promise(resolve => setImmediate(resolve))
      await new Promise(resolve => setImmediate(resolve))
      t.equal(raw.listenerCount('close'), listeners)
    }
  })
  t.equal(proxyAuth.name, 'alice')
})

t.test('content before the verdict: it is read where the credentials cover it, and only then (R-DIG-45)', async t => {
  const options = admitOptions([new Covering(), strategy])
  const post = { method: 'POST' as const, payload: 'abc' }
  for (const [credentials, refused, read] of [
    [covering('abc'), null, true], [covering('abd'), { status: 407 }, true], ['Cover nothing', null, false], [ALICE, null, false], ['Unknown x', { status: 407 }, false]
  ] as const) {
    let wasRead: boolean | undefined
    const seen = await judge(t, options, {
      ...post,
      headers: { 'proxy-authorization': credentials, 'content-length': '3' },
      after: ({ raw }) => { wasRead = raw.readableDidRead }
    })
    t.match(seen.refused, refused)
    t.equal(wasRead, read, credentials)
    t.notOk('proxy-authorization' in seen.headers)
  }
  const { error } = await judge(t, admitOptions([new Covering()], { most: 2 }), { ...post, headers: { 'proxy-authorization': covering('abc') } })
  t.same(error, { code: 'FST_PROXY_AUTH_CONTENT_TOO_LARGE', statusCode: 413 })
})

t.test('a handshake that succeeds: the connection stands for its user, until credentials come anew (R-NEG-8, R-NEG-9)', async t => {
  const connections = new ConnectionIdentities({ handshakeTimeout: 1000, maxHandshakes: 10, maxPerAddress: 10 })
  const socket = new Socket()
  t.teardown(() => socket.destroy())
  const options = { ...admitOptions([new LegsStrategy()]), connections }
  const before = ({ raw }: FastifyRequest) => { Object.defineProperty(raw, 'socket', { value: socket }) }
  const say = async (text?: string) =>
    await judge(t, options, { before, ...(text !== undefined && { headers: { 'proxy-authorization': leg(text) } }) })
  t.match(await say('1'), { refused: { status: 407, challenges: [leg('1')], continues: true }, proxyAuth: null })
  t.match(await say('3 alice 1'), { refused: null, proxyAuth: { name: 'alice' } })
  t.match(await say(), { refused: null, proxyAuth: { name: 'alice' } })
  t.match(await say('3 alice 1'), { refused: { status: 407, challenges: ['NTLM'] }, proxyAuth: null })
  t.match(await say(), { refused: { status: 407 }, proxyAuth: null })
})

t.test('a listener for users who are let in: it is told of each once, with credentials and by the connection', async t => {
  const connections = new ConnectionIdentities({ handshakeTimeout: 1000, maxHandshakes: 10, maxPerAddress: 10 })
  const socket = new Socket()
  t.teardown(() => socket.destroy())
  const events = new Events('gw')
  const told: unknown[] = []
  events.on('granted', ({ durationMs, ...event }) => { told.push(event) })
  const options = { ...admitOptions([new LegsStrategy()], { events }), connections }
  const before = (request: FastifyRequest) => {
    Object.defineProperty(request.raw, 'socket', { value: socket })
    Object.defineProperty(request, 'ip', { value: undefined })
  }
  for (const text of ['1', '3 alice 1']) await judge(t, options, { before, headers: { 'proxy-authorization': leg(text) } })
  await judge(t, options, { before })
  const alice = { gateway: 'gw', id: String, client: null, method: 'GET', user: 'alice', scheme: 'NTLM', realm: 'Gateway' }
  t.match(told, [alice, alice])
  t.equal(told.length, 2)
})

t.test('of a scheme that is not bound to the connection: the connection does not say who it is', async t => {
  const connections = new ConnectionIdentities({ handshakeTimeout: 1000, maxHandshakes: 10, maxPerAddress: 10 })
  const socket = new Socket()
  t.teardown(() => socket.destroy())
  const options = { ...admitOptions([new LegsStrategy(), strategy]), connections }
  const before = ({ raw }: FastifyRequest) => { Object.defineProperty(raw, 'socket', { value: socket }) }
  t.match(await judge(t, options, { before, headers: { 'proxy-authorization': ALICE } }), { refused: null, proxyAuth: { name: 'alice' } })
  t.match(await judge(t, options, { before }), { refused: { status: 407 }, proxyAuth: null })
})

t.test('a client that does not wait for the response to a leg: it gets 400, and the connection closes', async t => {
  const connections = new ConnectionIdentities({ handshakeTimeout: 1000, maxHandshakes: 10, maxPerAddress: 10 })
  const socket = new Socket()
  t.teardown(() => socket.destroy())
  const headers = { 'proxy-authorization': leg('1') }
  connections.begin({ headers: {}, httpVersion: '1.1', socket }, leg('1'))
  const seen = await judge(t, { ...admitOptions([new LegsStrategy()]), connections }, {
    headers,
    before: ({ raw }, reply) => {
      Object.defineProperty(raw, 'socket', { value: socket })
      reply.raw.once('finish', () => t.equal(reply.getHeader('connection'), 'close'))
    }
  })
  t.match(seen.error, { code: 'FST_PROXY_AUTH_BAD_REQUEST', statusCode: 400 })
  t.notOk(seen.rawNames.includes('proxy-authorization'))
})

t.test('a user with the reserved name: is refused, and nobody else (F-72)', async t => {
  const options = (reserved: string) => ({ ...admitOptions([strategy]), reserved })
  const headers = { 'proxy-authorization': ALICE }
  const { refused, proxyAuth } = await judge(t, options('alice'), { headers })
  t.match(refused, { kind: 'refused', status: 403, reason: 'forbidden', scheme: 'Basic' })
  t.strictSame(refused.challenges, [])
  t.equal(proxyAuth, null)
  t.match(await judge(t, options('bob'), { headers }), { refused: null, proxyAuth: { name: 'alice' } })
})

t.test('headers that a hook of the application has replaced: the credentials are gone from those, too', async t => {
  const seen = await judge(t, admitOptions([strategy, keyed]), {
    headers: { 'proxy-authorization': ALICE, 'x-key': 'k', 'x-other': 'stays' },
    before: request => { request.headers = { ...request.headers, 'x-own': 'yes' } }
  })
  t.equal(seen.refused, null)
  t.notMatch(Object.keys(seen.headers).join(), /authorization|x-key/)
  t.match(seen.headers, { 'x-other': 'stays', 'x-own': 'yes' })
})
