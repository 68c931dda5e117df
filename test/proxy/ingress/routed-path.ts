import type { IncomingMessage } from 'node:http'
import Fastify from 'fastify'
import t from 'tap'
import { routedPath } from '../../../lib/proxy/ingress/routed-path.js'
import { targetFormConstraint } from '../../../lib/proxy/ingress/target-form.js'

const message = (url: string): IncomingMessage => ({ url }) as IncomingMessage

t.test('without rewriteUrl: the path as it came, and nothing else', async t => {
  const path = routedPath(Fastify())
  t.equal(path(message('/x?y')), '/x?y')
  for (const url of ['*', 'http://a.test/x', 'a.test:443']) t.equal(path(message(url)), undefined)
})

t.test('with rewriteUrl: what it makes of the path (F-69)', async t => {
  const app = Fastify({
    rewriteUrl ({ url }) {
      if (url === '/throws') throw new Error('no')
      return url === '/number' ? 1 as never : url!.replace(/^http:\/\/a\.test|^\/old/, '/api')
    }
  })
  const path = routedPath(app)
  t.equal(path(message('/old/x?y')), '/api/x?y')
  t.equal(path(message('http://a.test/x')), '/api/x', 'also of another form')
  for (const url of ['/number', '/throws', 'http://b.test/']) t.equal(path(message(url)), undefined)
  app.addConstraintStrategy(targetFormConstraint() as never)
  t.equal(path(message('/old/x')), '/api/x')
  t.equal(path(message('http://a.test/x')), undefined, 'which is another\'s where there is a forward proxy')
})

t.test('a scope: it has the rewriteUrl option of its application', async t => {
  const app = Fastify({ rewriteUrl: () => '/x' })
  app.register(async scope => { t.equal(routedPath(scope)(message('/')), '/x') })
  await app.ready()
})
