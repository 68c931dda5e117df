import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { OnlyAdmitted } from '../../../lib/proxy/ingress/only-admitted.js'

/** An application with two gates, which let in by name; `/ours` is behind the first, and `x-past` goes past it. */
async function twoGates (t: Test) {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  const [ours, other] = [new OnlyAdmitted(), new OnlyAdmitted()]
  const gate = (admission: OnlyAdmitted, field: string) => admission.by((request, _reply, done) => {
    const name = request.headers[field]
    if (name === undefined) return done(new Error('refused'))
    request.proxyAuth = { user: {}, name: String(name), info: null, scheme: 'Test', realm: 'r' }
    done()
  })
  app.get('/ours', {
    onRequest: [
      (request, reply, done) => 'x-other' in request.headers ? gate(other, 'x-other').call(app, request, reply, done) : done(),
      (request, reply, done) => 'x-past' in request.headers ? done() : gate(ours, 'x-name').call(app, request, reply, done),
      (request, _reply, done) => {
        if ('x-gone' in request.headers) request.proxyAuth = null
        done()
      }
    ]
  }, ours.only(async function ({ proxyAuth }) { return `${proxyAuth!.name} ${this === app}` }))
  return async (headers: Record<string, string>) => await app.inject({ url: '/ours', headers })
}

t.test('a handler of a proxy route, a request that its gate has let in: it is served', async t => {
  t.equal((await (await twoGates(t))({ 'x-name': 'alice' })).body, 'alice true')
})

const OTHERS: Record<string, Record<string, string>> = {
  'no gate has let in': { 'x-past': '1' },
  'another gate has let in': { 'x-past': '1', 'x-other': 'alice' },
  'the gate has let in, and whose identity is gone': { 'x-name': 'alice', 'x-gone': '1' }
}
for (const [what, headers] of Object.entries(OTHERS)) {
  t.test(`a handler of a proxy route, a request that ${what}: 500`, async t => {
    const refused = await (await twoGates(t))(headers)
    t.match([refused.statusCode, refused.json().code], [500, 'FST_PROXY_AUTH_REFUSED_CALL'])
  })
}

t.test('a handler of a proxy route, a request that the gate refuses: it is not served', async t => {
  t.match((await (await twoGates(t))({})).json(), { statusCode: 500, message: 'refused' })
})

t.test('a handler of a proxy route that is called twice: it serves the request once', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  const admission = new OnlyAdmitted()
  let served = 0
  const verdicts: Array<() => void> = []
  const gate = admission.by((request, _reply, done) => {
    request.proxyAuth = { user: {}, name: 'alice', info: null, scheme: 'Test', realm: 'r' }
    if ('x-late' in request.headers) verdicts.push(done)
    else done()
  })
  const handler = admission.only((_request, reply) => {
    served += 1
    setImmediate(() => reply.send('once'))
  })
  app.get('/', { onRequest: [(_request, _reply, done) => { done(); done() }, gate] }, handler)
  app.addHook('onSend', async () => { for (const verdict of verdicts) verdict() })
  const { statusCode, body } = await app.inject('/')
  t.same([statusCode, body, served], [200, 'once', 1])
  // By the first call nothing had let it in, and it was refused for that.
  t.equal((await app.inject({ url: '/', headers: { 'x-late': '1' } })).statusCode, 500)
  t.equal(served, 1)
})
