import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest, InjectOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { causeOf } from '../../lib/platform/http1/refusal-cause.js'
import { addContentHooks } from '../../lib/gate/content/verified-content.js'
import { addChallengeHooks, ownRouteHook, proxyRouteHook } from '../../lib/gate/gate.js'
import { addAuthenticationInfo } from '../../lib/gate/role/authentication-info.js'
import { ORIGIN } from '../../lib/gate/role/role.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { BearerStrategy } from '../../lib/strategies/bearer.js'
import { verifyStatic } from '../../lib/users/static.js'
import { admitOptions } from '../fixtures/admit-options.js'
import { basic } from '../fixtures/attempt.js'
import { Covering, covering, md5 } from '../fixtures/covering.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { RawClient } from '../fixtures/raw-client.js'

const strategies = [
  new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) }),
  new BearerStrategy({ verify: () => ({ error: 'insufficient_scope', scope: 'egress' }) }),
  { strategy: foreign('slow-down', function () { this.fail(429) }), scheme: 'Slow' },
  { strategy: foreign('no', function () { this.fail(403) }), scheme: 'No' },
  { strategy: foreign('broken', function () { this.error(new Error('down')) }), scheme: 'Broken' }
]
const CHALLENGES = [
  'Basic realm="Gateway", charset="UTF-8"', 'Bearer realm="Gateway"', 'Slow realm="Gateway"', 'No realm="Gateway"',
  'Broken realm="Gateway"'
]
const ALICE = { 'proxy-authorization': basic('alice', 'alice-secret') }
const SCOPE = 'Bearer realm="Gateway", scope="egress", error="insufficient_scope"'

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/** The hook of proxy routes, as a promise. It is settled unless the hook has responded itself. */
function proxyRoute (...args: Parameters<typeof proxyRouteHook>): Hook {
  const hook = proxyRouteHook(...args)
  return (request, reply) => new Promise<void>((resolve, reject) => hook(request, reply, (error) => error === undefined ? resolve() : reject(error)))
}

/** An application with `hook` before its one route; `setUp` may say more, and how errors are answered. */
async function behind (t: Test, hook: Hook, setUp: (app: FastifyInstance) => unknown = () => {}) {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  addChallengeHooks(app)
  await setUp(app)
  app.get('/', { preHandler: async (request, reply) => { await hook(request, reply) } }, async request => request.proxyAuth?.name ?? 'nobody')
  return async (headers: InjectOptions['headers'] = {}) => await app.inject({ url: '/', headers })
}

/** Everything that has to do with challenges. */
function challengesOf (headers: Record<string, unknown>) {
  return [headers['proxy-authenticate'], headers['www-authenticate']].filter(value => value !== undefined).flat()
}

const options = admitOptions(strategies)
const failing = (status: number): Hook => async (_request, reply) => {
  reply.code(status)
  throw Object.assign(new Error('no'), { statusCode: status })
}
/** Tries one function after the other until one succeeds, as @fastify/auth does. */
const either = (...hooks: Hook[]): Hook => async (request, reply) => {
  let last: unknown
  for (const hook of hooks) {
    try {
      await hook(request, reply)
      reply.code(200)
      return
    } catch (error) {
      last = error
    }
  }
  throw last
}

t.test('a request on a proxy route: the gate itself sends 407 or 401, and other refusals are errors', async t => {
  const hook = proxyRoute(options, 'Gateway')

  t.test('who is let in reaches the handler', async t => {
    const ask = await behind(t, hook)
    t.match(await ask(ALICE), { statusCode: 200, body: 'alice' })
  })

  t.test('the gate alone answers 407 (R-407-1, R-407-2)', async t => {
    const ask = await behind(t, hook, app => app.setErrorHandler(() => t.fail('the error handler was asked')))
    for (const credentials of [undefined, 'Basic eDp4', 'Newauth x']) {
      const { statusCode, headers, body } = await ask(credentials === undefined ? {} : { 'proxy-authorization': credentials })
      t.equal(statusCode, 407)
      t.same(challengesOf(headers), CHALLENGES)
      t.match(body, 'Realm: Gateway')
    }
  })

  t.test('other refusals are errors, with the challenge that a strategy gave (R-407-4, R-407-16, R-MAP-3, R-CRED-5, R-BEARER-4)', async t => {
    const seen: unknown[] = []
    const ask = await behind(t, hook, app => app.setErrorHandler((error, _request, reply) => {
      seen.push((error as { code?: string }).code)
      reply.send(error)
    }))
    const rows: Array<[string, number, string[], string]> = [
      ['Basic !', 400, [], 'credentials'], ['Bearer x', 403, [SCOPE], 'forbidden'], ['No x', 403, [], 'access refused'],
      ['Slow x', 429, [], 'too many attempts'], ['Broken x', 500, [], 'strategy']
    ]
    for (const [credentials, status, challenges, message] of rows) {
      const { statusCode, headers, body } = await ask({ 'proxy-authorization': credentials })
      t.equal(statusCode, status, credentials)
      t.match(JSON.parse(body).message, message)
      t.same(challengesOf(headers), challenges, credentials)
      t.equal('proxy-authenticate' in headers, challenges.length > 0)
    }
    t.same(seen, [
      'FST_PROXY_AUTH_MALFORMED_CREDENTIALS', 'FST_PROXY_AUTH_FORBIDDEN', 'FST_PROXY_AUTH_FORBIDDEN', 'FST_PROXY_AUTH_FORBIDDEN',
      'FST_PROXY_AUTH_STRATEGY_FAILED'
    ])
  })

  t.test('the cause of a refusal is left on the response, and of a 407 only where credentials are wrong', async t => {
    const causes: unknown[] = []
    const seen: Hook = async (request, reply) => {
      reply.raw.once('finish', () => { causes.push(causeOf(reply.raw, reply.statusCode)?.code) })
      await hook(request, reply)
    }
    const ask = await behind(t, seen)
    const two = { 'proxy-authorization': ['Basic x', 'Basic y'] } as never
    const rows = [
      [undefined, undefined], ['Newauth x', undefined], ['Basic eDp4', 'REQUIRED'], ['Basic !', 'MALFORMED_CREDENTIALS'], ['No x', 'FORBIDDEN'],
      ['Broken x', 'STRATEGY_FAILED']
    ] as const
    for (const [credentials] of rows) await ask(credentials === undefined ? {} : { 'proxy-authorization': credentials })
    await ask(two)
    t.same(causes, [...rows.map(([, code]) => code), 'DUPLICATE_FIELD'].map(code => code && `FST_PROXY_AUTH_${code}`))
  })

  t.test('a logger or a verifier that throws what is no error: 500, and the handler is not reached', async t => {
    for (const thrown of [undefined, null, '', 0, 'text']) {
      let reached = false
      const app = Fastify()
      t.teardown(() => app.close())
      app.decorateRequest('proxyAuth', null)
      app.addHook('onRequest', (request, _reply, done) => {
        request.log = { ...request.log, info () { throw thrown } } as never
        done()
      })
      app.get('/', { preHandler: proxyRouteHook(options, 'Gateway') }, async () => { reached = true })
      for (const credentials of ['Basic eDp4', 'Broken x', 'No x']) {
        const { statusCode } = await app.inject({ url: '/', headers: { 'proxy-authorization': credentials } })
        t.equal(statusCode, 500, `${String(thrown)} ${credentials}`)
      }
      t.equal(reached, false)
    }
  })

  t.test('nothing of the credentials is in the answer', async t => {
    const ask = await behind(t, hook)
    for (const credentials of ['Basic canary', 'Basic !canary!', 'Bearer canary', 'canary', 'No canary', 'Broken canary']) {
      const { statusCode, headers, body } = await ask({ 'proxy-authorization': credentials })
      t.ok(statusCode >= 400, credentials)
      t.notMatch(JSON.stringify(headers) + body, 'canary')
    }
  })

  t.test('an origin answers 401 (R-407-3, R-GW-4)', async t => {
    const ask = await behind(t, proxyRoute(admitOptions(strategies, { mode: ORIGIN }), 'Gateway'))
    const { statusCode, headers } = await ask(ALICE)
    t.equal(statusCode, 401)
    t.same(headers['www-authenticate'], CHALLENGES)
    t.notOk(headers['proxy-authenticate'])
    const forbidden = await ask({ authorization: 'Bearer x' })
    t.equal(forbidden.statusCode, 403)
    t.same(challengesOf(forbidden.headers), [SCOPE])
    t.ok(forbidden.headers['www-authenticate'])
    t.match(await ask({ authorization: ALICE['proxy-authorization'] }), { statusCode: 200, body: 'alice' })
  })
})

t.test('a request on a route of the application: a refusal is an error, and its response has the challenges', async t => {
  const hook = ownRouteHook(options)

  t.test('who is let in reaches the handler', async t => {
    const ask = await behind(t, hook)
    const { statusCode, body, headers } = await ask(ALICE)
    t.equal(statusCode, 200)
    t.equal(body, 'alice')
    t.same(challengesOf(headers), [])
  })

  t.test('a refusal is an error, and the answer has the challenges (R-407-1)', async t => {
    const ask = await behind(t, hook)
    const { statusCode, headers, body } = await ask()
    t.equal(statusCode, 407)
    t.same(challengesOf(headers), CHALLENGES)
    t.equal(headers['cache-control'], 'no-store')
    t.match(JSON.parse(body), { statusCode: 407, code: 'FST_PROXY_AUTH_REQUIRED' })
  })

  t.test('other refusals keep their status, and the challenge that a strategy gave (R-407-4, R-407-16)', async t => {
    const ask = await behind(t, hook)
    for (const [credentials, status, challenges] of [['Basic !', 400, []], ['Bearer x', 403, [SCOPE]], ['Slow x', 429, []], ['Broken x', 500, []]] as const) {
      const { statusCode, headers } = await ask({ 'proxy-authorization': credentials })
      t.equal(statusCode, status, credentials)
      t.same(challengesOf(headers), challenges, credentials)
      t.equal('proxy-authenticate' in headers, challenges.length > 0)
    }
  })

  t.test('an error handler may answer something else, and then there are no challenges', async t => {
    for (const status of [200, 302, 401, 503]) {
      const ask = await behind(t, hook, app => app.setErrorHandler((error, _request, reply) => {
        t.match(error, { code: 'FST_PROXY_AUTH_REQUIRED', statusCode: 407 })
        reply.code(status).send('ours')
      }))
      const { statusCode, headers, body } = await ask()
      t.equal(statusCode, status)
      t.equal(body, 'ours')
      t.same(challengesOf(headers), [], String(status))
    }
  })

  t.test('nothing is left behind when another function lets the client in', async t => {
    const ask = await behind(t, either(hook, async () => {}))
    for (const credentials of ['Basic eDp4', 'Bearer x', 'Basic !', 'Slow x']) {
      const { statusCode, headers } = await ask({ 'proxy-authorization': credentials })
      t.equal(statusCode, 200, credentials)
      t.same(challengesOf(headers), [], credentials)
      t.notOk(headers['cache-control'])
    }
  })

  t.test('nor when what it lets the client in to fails by itself', async t => {
    const ask = await behind(t, async (request, reply) => {
      await either(hook, async () => {})(request, reply)
      throw Object.assign(new Error('theirs'), { statusCode: 401 })
    })
    const { statusCode, headers, body } = await ask()
    t.equal(statusCode, 401)
    t.same(challengesOf(headers), [])
    t.match(JSON.parse(body), { statusCode: 401, message: 'theirs' })
  })

  t.test('our 407 stands when all have failed, whoever was last', async t => {
    for (const last of [either(hook, failing(401)), either(failing(401), hook), either(hook, failing(403))]) {
      const keeping: Hook = async (request, reply) => {
        try { await last(request, reply) } catch (error) {
          reply.code(407)
          throw error
        }
      }
      const ask = await behind(t, keeping)
      const { statusCode, headers, body } = await ask()
      t.equal(statusCode, 407)
      t.same(challengesOf(headers), CHALLENGES)
      t.match(JSON.parse(body), { statusCode: 407, code: 'FST_PROXY_AUTH_REQUIRED', error: 'Proxy Authentication Required' })
    }
  })

  t.test('what an error handler has written stays as it is', async t => {
    const last: Hook = async (_request, reply) => {
      reply.code(407)
      throw Object.assign(new Error('no'), { status: 401 })
    }
    const ask = await behind(t, async (request, reply) => { await either(hook, last)(request, reply) }, app =>
      app.setErrorHandler((_error, _request, reply) => reply.code(401).send('theirs')))
    const { statusCode, headers, body } = await ask()
    t.equal(statusCode, 407)
    t.same(challengesOf(headers), CHALLENGES)
    t.equal(body, 'theirs')
  })

  t.test('errors that have nothing to do with us stay as they are', async t => {
    const ask = await behind(t, async () => {}, app => app.addHook('preHandler', failing(401)))
    const { statusCode, headers } = await ask()
    t.equal(statusCode, 401)
    t.same(challengesOf(headers), [])
    const plain = await behind(t, async (_request, reply) => {
      reply.code(407)
      throw new Error('theirs')
    })
    t.match(await plain(), { statusCode: 407 })
  })

  t.test('an error without a status leaves ours', async t => {
    const ask = await behind(t, async (request, reply) => {
      await hook(request, reply).catch(() => {})
      throw new Error('theirs')
    })
    const { statusCode, headers } = await ask()
    t.equal(statusCode, 407)
    t.same(challengesOf(headers), CHALLENGES)
  })

  t.test('a 407 of the application itself is left alone', async t => {
    const ask = await behind(t, async (_request, reply) => {
      await reply.code(407).header('proxy-authenticate', 'Theirs').header('proxy-authentication-info', 'theirs').send('theirs')
    })
    const { statusCode, headers, body } = await ask()
    t.equal(statusCode, 407)
    t.same(challengesOf(headers), ['Theirs'])
    t.equal(headers['proxy-authentication-info'], 'theirs')
    t.notOk(headers['cache-control'])
    t.equal(body, 'theirs')
  })

  t.test('Proxy-Authentication-Info never goes out on a 407 (R-PAI-3)', async t => {
    const ask = await behind(t, async (request, reply) => {
      addAuthenticationInfo(reply, { nextnonce: 'x' })
      await hook(request, reply)
    })
    t.notOk((await ask()).headers['proxy-authentication-info'])
    t.ok((await ask(ALICE)).headers['proxy-authentication-info'])
  })
})

t.test('the tenth refusal of wrong credentials on a connection: says that it closes, with any status (F-9)', async t => {
  const unchallenged = [{ strategy: foreign('key', function () { this.fail() }), scheme: 'Key', challenge: null }]
  const rows: Array<[hook: Hook, credentials: string, status: number]> = [
    [proxyRoute(options, 'Gateway'), 'Basic eDp4', 407], [ownRouteHook(options), 'Basic eDp4', 407],
    [proxyRoute(admitOptions(unchallenged), 'Gateway'), 'Key x', 403], [ownRouteHook(admitOptions(unchallenged)), 'Key x', 403]
  ]
  for (const [hook, credentials, status] of rows) {
    let app!: FastifyInstance
    await behind(t, hook, created => { app = created })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
    const closes: boolean[] = []
    for (let i = 0; i < 10; i++) {
      const refused = await client.send(`GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${credentials}\r\n\r\n`).answer()
      t.match(refused, `HTTP/1.1 ${status} `)
      closes.push(/\r\nconnection: close\r\n/i.test(refused))
    }
    t.strictSame(closes, [...Array<boolean>(9).fill(false), true], `${credentials} ${status}`)
    await client.end()
  }
})

t.test('content that the credentials cover: it is read for the verdict, and is there for the handler (R-DIG-45)', async t => {
  const covered = admitOptions([new Covering()])
  /** What the handler behind a hook finds, which parses nothing and runs after `then`. */
  async function ask (hook: Hook, credentials: string, payload: string, then: Hook = async () => {}) {
    const app = Fastify()
    t.teardown(() => app.close())
    app.decorateRequest('proxyAuth', null)
    addContentHooks(app)
    app.addHook('onRequest', async (request, reply) => await hook(request, reply) as undefined)
    app.addHook('onRequest', async (request, reply) => await then(request, reply) as undefined)
    app.route({ method: ['GET', 'POST'], url: '/', handler: async ({ proxyAuth, body }) => `${proxyAuth?.name}: ${body instanceof Readable ? await text(body) : body}` })
    const headers = { 'proxy-authorization': credentials, 'content-length': String(payload.length), 'content-type': 'text/plain' }
    const said = async (method: 'GET' | 'POST') => (await app.inject({ method, url: '/', headers, payload })).body
    return [await said('GET'), await said('POST')]
  }
  const [proxy, own] = [proxyRoute(covered, 'Gateway'), ownRouteHook(covered)]

  t.same(await ask(proxy, covering('abc'), 'abc'), ['alice: abc', 'alice: abc'], 'is the body of proxy routes, which are not parsed')
  t.same(await ask(own, covering('abc'), 'abc'), ['alice: undefined', 'alice: abc'], 'and parsed on others')
  t.same(await ask(proxy, 'Cover nothing', 'abc'), ['alice: undefined', 'alice: abc'])
  for (const hook of [proxy, own]) t.match(await ask(hook, covering('abc'), 'abd'), [/407/, /407/])
  const lenient: Hook = async (request, reply) => await own(request, reply).catch(() => { reply.code(200) })
  t.same(await ask(lenient, covering('abc'), 'abd'), ['undefined: undefined', 'undefined: abd'], 'it is still there for a function that lets the client in all the same')
})

t.test('chunked content of no octets that the credentials cover: it is the body, which has come to its end', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  app.addHook('onRequest', async (request, reply) => await proxyRoute(admitOptions([new Covering()]), 'Gateway')(request, reply) as undefined)
  app.get('/', async ({ body }) => body instanceof Readable ? `"${await text(body)}"` : 'none')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
  client.send(`GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${covering('')}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`)
  t.match(await client.answer(), /\r\n\r\n""$/)
})

t.test('credentials that cover content: the response has the hash of its own content (R-PAI-8, R-TRL-2)', async t => {
  const ask = await behind(t, proxyRoute(admitOptions([new Covering()]), 'Gateway'))
  const { headers, body } = await ask({ 'proxy-authorization': covering('') })
  t.equal(headers['proxy-authentication-info'], `first=1, qop=auth-int, over=${md5(body)}`)
  const plain = await behind(t, proxyRoute(admitOptions([new Covering('auth')]), 'Gateway'))
  t.equal((await plain({ 'proxy-authorization': covering('') })).headers['proxy-authentication-info'], 'first=1, qop=auth, over=nothing')
  t.notOk((await ask({ 'proxy-authorization': covering('x') })).headers['proxy-authentication-info'])
})
