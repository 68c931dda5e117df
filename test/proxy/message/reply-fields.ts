import t from 'tap'
import { readReplyFields } from '../../../lib/proxy/message/reply-fields.js'

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
