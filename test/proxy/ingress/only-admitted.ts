import Fastify from 'fastify'
import t from 'tap'
import { onlyAdmitted } from '../../../lib/proxy/ingress/only-admitted.js'

t.test('a handler of a proxy route: it serves those that were let in, and no others', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  app.addHook('onRequest', async request => {
    const name = request.headers['x-name']
    if (name !== undefined) request.proxyAuth = { user: {}, name: String(name), info: null, scheme: 'Test', realm: 'r' }
  })
  app.get('/', onlyAdmitted(async function ({ proxyAuth }) { return `${proxyAuth!.name} ${this === app}` }))
  t.equal((await app.inject({ url: '/', headers: { 'x-name': 'alice' } })).body, 'alice true')
  const refused = await app.inject('/')
  t.match([refused.statusCode, refused.json().code], [500, 'FST_PROXY_AUTH_REFUSED_CALL'])
})
