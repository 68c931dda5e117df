import t from 'tap'
import { answerOf } from '../../fixtures/one-proxy-route.js'

t.test('an own response to which hooks have added fields: it goes out without them', async t => {
  const text = await answerOf(t, (_request, reply) => {
    reply.raw.setHeader('X-Raw', '1')
    reply.headers({ 'set-cookie': 'a=1', location: '/login', 'x-frame-options': 'DENY', 'cache-control': 'public, max-age=60', date: 'never' })
  }, (_request, reply) => reply.code(407).headers({ 'proxy-authenticate': ['Basic realm="a"', 'Bearer realm="a"'], 'retry-after': 3 }).send('no'))
  t.equal(text, 'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="a"\r\nProxy-Authenticate: Bearer realm="a"\r\n' +
    'Retry-After: 3\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
})

t.test('Cache-Control of an own response: it stays', async t => {
  t.match(await answerOf(t, () => {}, (_request, reply) => reply.header('cache-control', 'no-store').send('')), /\r\nCache-Control: no-store\r\n/)
})
