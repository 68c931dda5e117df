import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import Fastify from 'fastify'
import t from 'tap'
import { clientFieldOf, keepClientField } from '../../../lib/proxy/parent/client-field.js'

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
