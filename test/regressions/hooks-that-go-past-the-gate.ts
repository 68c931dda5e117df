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
