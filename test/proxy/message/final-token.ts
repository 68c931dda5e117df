import Fastify from 'fastify'
import t from 'tap'
import { keepingFinalToken, finalTokenOf } from '../../../lib/proxy/message/final-token.js'

t.test('what the gate leaves is kept, and what hooks leave before and after it is not', async t => {
  const app = Fastify()
  app.addHook('onRequest', async (_request, reply) => { reply.header('www-authenticate', 'Basic realm="before"') })
  app.get('/:token', {
    onRequest: keepingFinalToken(async (request, reply) => {
      t.equal(reply.getHeader('www-authenticate'), undefined)
      const { token } = request.params as { token: string }
      if (token !== 'none') reply.header('www-authenticate', `Negotiate ${token}`)
      return 'as it was'
    }),
    preHandler: async (_request, reply) => { reply.header('www-authenticate', 'Basic realm="after"') }
  }, async (_request, reply) => ({ token: finalTokenOf(reply) ?? null }))
  t.same((await app.inject('/bGVn')).json(), { token: 'Negotiate bGVn' })
  t.same((await app.inject('/none')).json(), { token: null })
})

t.test('it answers as the hook does', async t => {
  const reply = { removeHeader () {}, getHeader () {} } as never
  t.equal(await keepingFinalToken(async () => 'answered')({} as never, reply), 'answered')
  await t.rejects(keepingFinalToken(async () => { throw new Error('refused') })({} as never, reply), /refused/)
})

t.test('elsewhere there is none', async t => t.equal(finalTokenOf({} as never), undefined))
