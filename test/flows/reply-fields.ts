// What hooks of the application put on the reply (CORS, request ids, HSTS) beside what an upstream sends.
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { ReverseRoute } from '../../lib/index.js'
import { closedPort } from '../fixtures/closed-port.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

/** Like @fastify/cors, helmet and a session, some of which write past Fastify; and what is not the application's to say. */
function addFields (app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-request-id', 'r1').header('vary', 'Origin').header('access-control-allow-origin', 'https://app.test').header('set-cookie', 'session=1')
    reply.header('keep-alive', 'forged').header('via', '9 forged').header('content-length', '3').header('content-type', 'text/forged')
    reply.raw.setHeader('strict-transport-security', 'max-age=1')
  })
  app.addHook('onSend', async (_request, reply) => { reply.header('x-late', 'l') })
}

const FIELDS = { 'X-Request-Id': 'upstream', Vary: 'Accept', 'Access-Control-Allow-Origin': '*', 'Set-Cookie': 'own=1', 'Content-Type': 'text/plain' }
const OF_APP = ['x-request-id', 'access-control-allow-origin', 'strict-transport-security', 'x-late']

async function around (t: Test, replyFields: unknown, more: object = {}) {
  const upstream = await origin(t, (_request, response) => { response.writeHead(200, FIELDS).end('upstream') })
  const options = { ...(replyFields !== undefined && { replyFields }), ...more }
  const { port } = await gateway(t, {
    forward: undefined,
    before: addFields,
    reverse: [
      { prefix: '/api', upstream: upstream.url, ...options },
      { prefix: '/down', upstream: `http://127.0.0.1:${await closedPort()}`, ...options },
      { prefix: '/own', upstream: upstream.url, status: 401, ...options }
    ] as ReverseRoute[]
  })
  return async (path: string, credentials = ALICE) => {
    const client = await RawClient.to(t, port)
    return readAnswer(await client.send(`GET ${path}/x HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\nProxy-Authorization: ${credentials}\r\n\r\n`).end())
  }
}

const OWN = [['/down', ALICE, 502], ['/api', 'Basic eDp5', 407], ['/own', 'Basic eDp5', 401]] as const

t.test('left out: nothing of the application is on any response (F-43)', async t => {
  const ask = await around(t, undefined)
  const { fields } = await ask('/api')
  t.match(fields, { 'x-request-id': 'upstream', vary: 'Accept', 'access-control-allow-origin': '*', 'set-cookie': 'own=1' })
  for (const [path, credentials, status] of OWN) {
    const own = await ask(path, credentials)
    t.equal(own.status, status)
    for (const name of [...OF_APP, 'vary', 'set-cookie']) t.notOk(name in own.fields, `${path} ${name}`)
  }
})

for (const [replyFields, names] of [[['X-Request-Id', 'strict-transport-security'], ['x-request-id', 'strict-transport-security']], [true, OF_APP]] as const) {
  for (const more of [{}, { undici: false }, { replyOptions: { onResponse: (_request: unknown, reply: { send (body: unknown): void }, { stream }: { stream: unknown }) => { reply.send(stream) } } }]) {
    t.test(`${JSON.stringify(replyFields)}, ${JSON.stringify(Object.keys(more))}: they are on every response, and nothing of the gate's or of the hop (F-43)`, async t => {
      const ask = await around(t, replyFields, more)
      const { status, fields, body } = await ask('/api')
      t.equal(status, 200)
      t.match(body, 'upstream')
      // Hooks of `onSend` run for a relayed response only where the options send it themselves.
      const sent = 'replyOptions' in more
      for (const name of names) if (sent || name !== 'x-late') t.ok(name in fields, name)
      t.equal(fields['x-request-id'], 'r1')
      t.equal(fields['access-control-allow-origin'], replyFields === true ? 'https://app.test' : '*')
      t.equal(fields.vary, replyFields === true ? 'Accept, Origin' : 'Accept')
      t.equal(fields['content-type'], 'text/plain')
      t.match(fields.via, /^1\.1 \S+$/)
      t.notMatch(JSON.stringify(fields), /forged/)
      for (const [path, credentials, status] of OWN) {
        const own = await ask(path, credentials)
        t.equal(own.status, status)
        for (const name of names) t.ok(name in own.fields, `${path} ${name}`)
        if (replyFields !== true) for (const name of ['access-control-allow-origin', 'vary', 'set-cookie', 'x-late']) t.notOk(name in own.fields, `${path} ${name}`)
      }
    })
  }
}
