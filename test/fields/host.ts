import t from 'tap'
import { parseHostField } from '../../lib/fields/host.js'

t.test('a Host, with or without a port: it is read', async t => {
  t.strictSame(parseHostField('Gw.test'), { host: 'gw.test' })
  t.strictSame(parseHostField('gw.test:8080'), { host: 'gw.test', port: 8080 })
  t.strictSame(parseHostField('[::1]:80'), { host: '::1', port: 80 })
})

t.test('an invalid Host: it is refused (R-TGT-7)', async t => {
  for (const value of ['', 'a b', 'u@a.test', 'a.test, b.test', 'a.test/', 'http://a.test', 'a.test:x', 'a..b', '::1']) {
    t.throws(() => parseHostField(value), { code: 'FST_PROXY_AUTH_MALFORMED_FIELD', statusCode: 400 }, value)
  }
})
