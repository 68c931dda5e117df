import Fastify from 'fastify'
import t from 'tap'
import { keepingFinalToken, finalTokenOf } from '../../../lib/proxy/message/final-token.js'

t.test('a final token that the gate leaves: it is kept, and what hooks leave before and after is not', async t => {
  const app = Fastify()
  app.addHook('onRequest', async (_request, reply) => { reply.header('www-authenticate', 'Basic realm="before"') })
  app.get('/:token', {
    onRequest: keepingFinalToken((request, reply, done) => {
      t.equal(reply.getHeader('www-authenticate'), undefined)
      const { token } = request.params as { token: string }
      if (token !== 'none') reply.header('www-authenticate', `Negotiate ${token}`)
      done()
    }),
    preHandler: async (_request, reply) => { reply.header('www-authenticate', 'Basic realm="after"') }
  }, async (_request, reply) => ({ token: finalTokenOf(reply) ?? null }))
  t.same((await app.inject('/bGVn')).json(), { token: 'Negotiate bGVn' })
  t.same((await app.inject('/none')).json(), { token: null })
})

t.test('a hook that is done, or fails, or responds itself: so does the one around it', async t => {
  const reply = { removeHeader () {}, getHeader () {} } as never
  const said: unknown[] = []
  const tell = (error?: Error) => { said.push(error?.message ?? 'done') }
  keepingFinalToken((_request, _reply, done) => done())({} as never, reply, tell)
  keepingFinalToken((_request, _reply, done) => done(new Error('refused')))({} as never, reply, tell)
  keepingFinalToken(() => {})({} as never, reply, tell)
  t.strictSame(said, ['done', 'refused'])
})

t.test('a reply without the gate: it has no final token', async t => t.equal(finalTokenOf({} as never), undefined))
