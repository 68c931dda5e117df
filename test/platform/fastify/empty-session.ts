import t from 'tap'
import { emptySession } from '../../../lib/platform/fastify/empty-session.js'

const after = (request: { session?: unknown }) => {
  let calls = 0
  emptySession(request as never, {} as never, () => { calls += 1 })
  t.equal(calls, 1)
  return request.session as { get?: (name: string) => unknown, set?: (name: string, value: unknown) => void, data?: () => object } | null | undefined
}

t.test('a session that is an empty object: it becomes one that holds and keeps nothing', async t => {
  const session = after({ session: {} })!
  session.set!('passport', 'mallory')
  t.equal(session.get!('passport'), undefined)
  t.same(session.data!(), {})
  t.not(after({ session: {} }), session, 'each request has one of its own')
})

t.test('any other session, or none: it stays as it is', async t => {
  class Session {}
  for (const session of [new Session(), { id: 1 }, { get () {} }, null, undefined, 'text']) t.equal(after({ session }), session)
  const without = {}
  after(without)
  t.same(without, {}, 'and nothing comes where nothing was')
})
