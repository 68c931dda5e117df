// Beside plugins that most applications have: limits by the proxy user, CORS, helmet, and shedding load; at the root, where they see
// proxied requests too, and in a scope, where they do not.
import fastifyCors from '@fastify/cors'
import fastifyHelmet from '@fastify/helmet'
import fastifyRateLimit from '@fastify/rate-limit'
import fastifyUnderPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { FORMS, message } from '../fixtures/forms.js'
import type { Form, MessageOptions } from '../fixtures/forms.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'

interface Composed {
  readonly app: FastifyInstance
  readonly origin: Awaited<ReturnType<typeof origin>>
  /** Asks in one of the forms. An established tunnel is used, and its answer is the origin's. */
  ask (form: Form, fields?: string[], options?: MessageOptions): Promise<Answer>
  /** Asks the application itself. */
  own (path: string, ...fields: string[]): Promise<Answer>
}

async function compose (t: Test, options: GatewayOptions): Promise<Composed> {
  const upstream = await origin(t)
  const { port, app } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: upstream.url }], after: app => { app.get('/own', async () => 'own') }, ...options
  })
  const ask = async (form: Form, fields: string[] = [], options: MessageOptions = {}): Promise<Answer> => {
    const client = await RawClient.to(t, port)
    let text = await client.send(message(form, upstream.authority, fields, options)).answer()
    if (form === 'CONNECT' && text.startsWith('HTTP/1.1 200 ')) {
      text = await client.send(`GET / HTTP/1.1\r\nHost: ${upstream.authority}\r\n\r\n`).answer()
    }
    client.socket.destroy()
    return readAnswer(text)
  }
  const own = async (path: string, ...fields: string[]): Promise<Answer> => {
    const client = await RawClient.to(t, port)
    return readAnswer(await client.send([`GET ${path} HTTP/1.1`, 'Host: a.test', 'Connection: close', ...fields, '', ''].join('\r\n')).end())
  }
  return { app, origin: upstream, ask, own }
}

const proxy = (credentials: string): string => `Proxy-Authorization: ${credentials}`

t.test('@fastify/rate-limit by the proxy user: each user has a separate count, and a 407 uses up none (R-MAP-7)', async t => {
  for (const form of FORMS) {
    t.test(form, async t => {
      const { ask, origin } = await compose(t, {
        before: async app => {
          await app.register(fastifyRateLimit, {
            max: 2, timeWindow: '1 hour', hook: 'preHandler', keyGenerator: ({ proxyAuth, ip }) => proxyAuth === null ? `address ${ip}` : `user ${proxyAuth.name}`
          })
        }
      })
      const statuses = async (credentials: string, count: number) => {
        const seen: number[] = []
        for (let i = 0; i < count; i++) seen.push((await ask(form, [proxy(credentials)])).status)
        return seen
      }
      t.same(await statuses(ALICE, 3), [200, 200, 429])
      t.same(await statuses(BOB, 3), [200, 200, 429], 'each user has a count of their own')
      const limited = await ask(form, [proxy(ALICE)])
      t.match(limited.fields['retry-after'], /^\d+$/, 'and is told when to come back')
      t.same(await statuses('Basic bm9ib2R5Og==', 4), [407, 407, 407, 407], 'a stranger uses up nobody\'s')
      t.equal(origin.seen.length, 4, 'nothing else went on')
    })
  }
})

t.test('@fastify/rate-limit for the application alone: proxied requests are not limited', async t => {
  const { ask, own } = await compose(t, {
    after: async app => {
      await app.register(async scope => {
        await scope.register(fastifyRateLimit, { max: 1, timeWindow: '1 hour' })
        scope.get('/page', async () => 'page')
      }, { prefix: '/app' })
    }
  })
  t.same([(await own('/app/page')).status, (await own('/app/page')).status], [200, 429])
  for (const form of FORMS) t.equal((await ask(form, [proxy(ALICE)])).status, 200, form)
})

t.test('@fastify/helmet and @fastify/cors: pages of the application get their fields, proxied responses do not', async t => {
  const ORIGINAL = 'Origin: http://page.test'
  const THEIRS = /^(?:content-security-policy|strict-transport-security|x-|cross-origin-|origin-agent-cluster|referrer-policy|access-control-|vary)/
  const theirs = ({ fields }: Answer) => Object.keys(fields).filter(name => THEIRS.test(name))
  const register = async (app: FastifyInstance) => {
    await app.register(fastifyHelmet)
    await app.register(fastifyCors, { origin: 'http://page.test' })
    app.get('/page', async () => 'page')
  }
  for (const prefix of ['', '/app']) {
    t.test(prefix === '' ? 'at the root' : 'in a scope', async t => {
      const { ask, own, origin } = await compose(t, { before: async app => { await (prefix === '' ? register(app) : app.register(register, { prefix })) } })
      const page = await own(`${prefix}/page`, ORIGINAL)
      t.equal(page.fields['access-control-allow-origin'], 'http://page.test')
      t.ok(theirs(page).length > 5, 'the application\'s own pages have their fields')
      for (const form of FORMS) {
        for (const fields of [[ORIGINAL], [ORIGINAL, proxy(ALICE)]]) {
          const answer = await ask(form, fields)
          t.equal(answer.status, fields.length === 1 ? 407 : 200, form)
          t.same(theirs(answer), [], `${form}: what goes through has none of them`)
        }
      }
      t.equal(origin.seen.length, FORMS.length)
    })
  }

  t.test('a preflight for a target is the origin\'s, on reverse routes too where CORS steps aside', async t => {
    const { ask, origin } = await compose(t, {
      before: async app => {
        await app.register(fastifyCors, { delegator: async ({ routeOptions }: FastifyRequest) => ({ origin: routeOptions.config.proxy === undefined && 'http://page.test', strictPreflight: false }) })
      }
    })
    const preflight = [ORIGINAL, 'Access-Control-Request-Method: PUT', 'Access-Control-Request-Headers: x-a']
    for (const form of ['origin-form', 'absolute-form'] as const) {
      t.equal((await ask(form, preflight, { method: 'OPTIONS' })).status, 407, form)
      t.match(await ask(form, [...preflight, proxy(ALICE)], { method: 'OPTIONS' }), { status: 200, body: 'origin' }, form)
    }
    t.same(origin.seen.map(({ method }) => method), ['OPTIONS', 'OPTIONS'])
  })
})

t.test('@fastify/under-pressure: at the root it sheds proxied requests too, in a scope it leaves them alone', async t => {
  let pressed = false
  const register = async (app: FastifyInstance) => {
    await app.register(fastifyUnderPressure, { healthCheck: async () => !pressed, healthCheckInterval: 5, retryAfter: 7 })
    app.get('/page', async () => 'page')
  }
  for (const prefix of ['', '/app']) {
    t.test(prefix === '' ? 'at the root it sheds proxied requests too, before anybody is asked' : 'in a scope it leaves them alone', async t => {
      const { ask, own, origin } = await compose(t, { before: async app => { await (prefix === '' ? register(app) : app.register(register, { prefix })) } })
      const settled = async (status: number) => { while ((await own(`${prefix}/page`)).status !== status); }
      pressed = false
      await settled(200)
      for (const form of FORMS) t.equal((await ask(form, [proxy(ALICE)])).status, 200, form)
      pressed = true
      await settled(503)
      for (const form of FORMS) {
        const shed = await ask(form, [proxy(ALICE)])
        t.equal(shed.status, prefix === '' ? 503 : 200, form)
        t.equal(shed.fields['retry-after'], prefix === '' ? '7' : undefined)
        t.equal((await ask(form)).status, prefix === '' ? 503 : 407, form)
      }
      t.equal(origin.seen.length, prefix === '' ? 3 : 6)
    })
  }
})
