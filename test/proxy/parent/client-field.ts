import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import Fastify from 'fastify'
import t from 'tap'
import type { Parent } from '../../../lib/policy/parent/parent.js'
import { clientFieldOf, keepClientField, mayPassThrough } from '../../../lib/proxy/parent/client-field.js'

t.test('the credentials of a request: they are found after the field has gone, and not on the request itself', async t => {
  const app = Fastify()
  app.addHook('onRequest', keepClientField)
  let raw!: IncomingMessage
  app.get('/', (request, reply) => {
    raw = request.raw
    delete raw.headers['proxy-authorization']
    raw.rawHeaders.length = 0
    return reply.send(inspect(request, { depth: 4, showHidden: true }))
  })
  const { body } = await app.inject({ url: '/', headers: { 'Proxy-Authorization': 'Basic canary' } })
  t.equal(clientFieldOf(raw), 'Basic canary')
  t.not(body.length, 0)
  t.notMatch(body, 'canary')
})

t.test('a request without credentials: nothing is kept', async t => {
  const app = Fastify()
  app.addHook('onRequest', keepClientField)
  app.get('/', (request) => String(clientFieldOf(request.raw)))
  t.equal((await app.inject('/')).body, 'undefined')
})

t.test('the parents of a list: the field may be wanted where one has passthrough, or a function chooses', async t => {
  const parent = (passthrough: boolean) => ({ passthrough }) as Parent
  t.equal(mayPassThrough({ all: [parent(false), parent(false)] }), false)
  t.equal(mayPassThrough({ all: [parent(false), parent(true)] }), true)
  t.equal(mayPassThrough({ all: [] }), true)
})
