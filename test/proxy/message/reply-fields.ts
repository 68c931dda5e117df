import Fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import { addKeptFields, isKept, keepFields, keptFields, readReplyFields, restoreFields } from '../../../lib/proxy/message/reply-fields.js'

/** A reply with these fields. */
function replyWith (fields: Record<string, string | string[] | undefined>): FastifyReply {
  const headers: Record<string, unknown> = { ...fields }
  return {
    getHeaders: () => headers,
    getHeader: (name: string) => headers[name],
    removeHeader: (name: string) => { delete headers[name] },
    header: (name: string, value: unknown) => { headers[name] = value }
  } as unknown as FastifyReply
}

t.test('the option: true, or names of fields that can be the application\'s (F-43)', async t => {
  t.equal(readReplyFields(undefined, 'o'), undefined)
  const some = readReplyFields(['X-Request-Id'], 'o')!
  t.same([some('x-request-id'), some('x-other')], [true, false])
  const all = readReplyFields(true, 'o')!
  t.same([all('x-request-id'), all('set-cookie')], [true, true])
  const never = ['connection', 'Keep-Alive', 'transfer-encoding', 'proxy-authenticate', 'Proxy-Authentication-Info', 'WWW-Authenticate', 'authentication-info', 'proxy-status',
    'content-length', 'content-type', 'via', 'trailer', 'cache-control', 'retry-after', 'upgrade', 'te']
  for (const name of never) {
    t.equal(all(name.toLowerCase()), false, name)
    t.throws(() => readReplyFields([name], 'reverse[0].replyFields'), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /reverse\[0\]\.replyFields/ }, name)
  }
  for (const wrong of [false, 'x-request-id', {}, [1], [''], ['a b'], null]) t.throws(() => readReplyFields(wrong, 'o'), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('a reply of a route without the option: nothing stays', async t => {
  const reply = replyWith({ 'x-a': '1' })
  t.same([isKept(reply, 'x-a'), keptFields(reply)], [false, []])
  const fields = ['X-A', '2']
  addKeptFields(reply, fields)
  t.same(fields, ['X-A', '2'])
})

t.test('beside an upstream\'s fields: in their place, but Set-Cookie and Vary beside them; what cannot be sent does not stay', async t => {
  const reply = replyWith({ 'x-a': '1', vary: 'Origin', 'set-cookie': ['a=1', 'b=2'], 'x-b': undefined, 'x-bad': 'a\r\nb', 'bad name': '1', connection: 'close' })
  keepFields(reply, readReplyFields(true, 'o')!)
  const fields = ['X-A', 'theirs', 'Vary', 'Accept', 'x-a', 'again', 'Set-Cookie', 'c=3', 'X-C', '3']
  addKeptFields(reply, fields)
  t.same(fields, ['Vary', 'Accept', 'Set-Cookie', 'c=3', 'X-C', '3', 'x-a', '1', 'vary', 'Origin', 'set-cookie', 'a=1', 'set-cookie', 'b=2'])
})

t.test('put back on a reply that has an upstream\'s fields by then: the same', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/', async (_request, reply) => {
    reply.header('x-a', 'theirs').header('vary', 'Accept').header('x-c', '3')
    restoreFields(reply, [['x-a', ['1']], ['vary', ['Origin']], ['x-d', ['4', '5']], ['set-cookie', ['a=1']]])
    return ''
  })
  const { headers } = await app.inject('/')
  t.match(headers, { 'x-a': '1', vary: ['Accept', 'Origin'], 'x-c': '3', 'x-d': ['4', '5'], 'set-cookie': 'a=1' })
})
