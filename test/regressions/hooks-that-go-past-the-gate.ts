import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { BasicStrategy, verifyStatic } from '../../lib/index.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'

// Fastify takes `undefined` that a hook throws for no failure, and goes on to the handler past all hooks that are left. A hook that
// is done twice brings it there while the next ones still wait. A stranger got to the origin by either.

const HOOKS: ReadonlyArray<NonNullable<GatewayOptions['hook']>> = ['preHandler', 'onRequest']
const verify = verifyStatic({ alice: 'alice-secret' })
const later = (): BasicStrategy => new BasicStrategy({ verify: async (pair) => await verify(pair) })

const now = (): BasicStrategy => new BasicStrategy({ verify })

const MISTAKES: Record<string, (request: FastifyRequest, reply: FastifyReply, done: () => void) => void> = {
  'throws undefined': () => { throw undefined }, // eslint-disable-line no-throw-literal
  'throws nothing that counts': () => { throw 0 }, // eslint-disable-line no-throw-literal
  'is done twice': (_request, _reply, done) => { done(); done() },
  'is done three times': (_request, _reply, done) => { done(); done(); done() }
}

for (const hook of HOOKS) {
  for (const [what, mistake] of Object.entries(MISTAKES)) {
    const before = (app: FastifyInstance) => app.addHook(hook as 'onRequest', mistake)
    for (const form of FORMS) {
      for (const fields of [[], ['Connection: Upgrade', 'Upgrade: websocket']]) {
        if (fields.length > 0 && form === 'CONNECT') continue
        const name = fields.length > 0 ? `${form} with Upgrade` : form
        t.test(`${name}: ${hook} of the application ${what}: a stranger does not reach the origin`, async t => {
          const { port, origin } = await surroundings(t, { hook, before, strategies: [later()] })
          for (const credentials of [[], ['Proxy-Authorization: Basic bm86bm8=']]) {
            const client = await RawClient.to(t, port)
            client.send(message(form, origin.authority, [...fields, ...credentials]))
            t.match(await client.until(text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 (?:407|500) /)
            client.socket.destroy()
            t.equal(origin.connections, 0)
          }
        })
      }
    }
  }
}

// Where the gate had let in by then, the request went to its target each time, and its content to several.
const REPEATS: Record<string, (request: FastifyRequest, reply: FastifyReply, done: () => void) => void> = {
  'is done twice': (_request, _reply, done) => { done(); done() },
  'is done three times': (_request, _reply, done) => { done(); done(); done() },
  'is done again later': (_request, _reply, done) => { done(); setImmediate(done) }
}

for (const hook of HOOKS) {
  for (const at of ['onRequest', 'preValidation', 'preHandler'] as const) {
    for (const [what, mistake] of Object.entries(REPEATS)) {
      for (const form of FORMS.filter(form => form !== 'CONNECT')) {
        t.test(`${form}, gate at ${hook}: ${at} of the application ${what}: a request goes to its origin once at most, and has one response`, async t => {
          for (const strategy of [now(), later()]) {
            const { port, origin } = await surroundings(t, { hook, before: app => app.addHook(at as 'onRequest', mistake), strategies: [strategy] })
            const client = await RawClient.to(t, port)
            const fields = [`Proxy-Authorization: Basic ${Buffer.from('alice:alice-secret').toString('base64')}`, 'Content-Length: 3', 'Connection: close']
            const text = await client.send(message(form, origin.authority, fields, { method: 'POST', body: 'abc' })).end()
            t.match(text, /^HTTP\/1\.1 (?:200|500) /)
            t.equal(text.split('HTTP/1.1 ').length, 2, text)
            t.same(origin.seen.map(({ body }) => String(body)), text.includes(' 200 ') ? ['abc'] : [])
          }
        })
      }
    }
  }
}
