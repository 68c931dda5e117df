import Fastify from 'fastify'
import t from 'tap'
import { isInjected } from '../../lib/platform/injected.js'

t.test('a message of app.inject(): it is told from one that came over a connection', async t => {
  const app = Fastify()
  t.teardown(async () => await app.close())
  app.get('/', async ({ raw }, reply) => [isInjected(raw), isInjected(reply.raw)])
  t.same((await app.inject('/')).json(), [true, true])
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.same(await (await fetch(url)).json(), [false, false])
})
