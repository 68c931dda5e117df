import t from 'tap'
import { formatForwarded } from '../../lib/fields/forwarded.js'

const NOT_REPRESENTABLE = { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' }

t.test('RFC 7239 section 4: tokens bare, IPv6 and ports quoted', async t => {
  t.equal(formatForwarded({ for: '192.0.2.43' }), 'for=192.0.2.43')
  t.equal(formatForwarded({ for: '2001:db8:cafe::17' }), 'for="[2001:db8:cafe::17]"')
  t.equal(
    formatForwarded({ proto: 'http', host: 'a.test:8080', by: '203.0.113.43', for: '_hidden.1' }),
    'for=_hidden.1;by=203.0.113.43;host="a.test:8080";proto=http'
  )
  t.equal(formatForwarded({ for: 'unknown', host: 'a.test' }), 'for=unknown;host=a.test')
  t.equal(formatForwarded({}), '')
})

t.test('an address with a zone: the zone is left out, as it means nothing elsewhere', async t => {
  t.equal(formatForwarded({ for: 'fe80::1%eth0' }), 'for="[fe80::1]"')
})

t.test('an invalid node, scheme or host: it is refused (R-SEC-5)', async t => {
  for (const node of ['', 'a.test', '_', '192.0.2.1:80', '[::1]', 'unknown\n', '_a b', '999.1.1.1']) {
    t.throws(() => formatForwarded({ for: node }), NOT_REPRESENTABLE, node)
    t.throws(() => formatForwarded({ by: node }), NOT_REPRESENTABLE, node)
  }
  for (const proto of ['', 'ht tp', '1x', 'http\n']) t.throws(() => formatForwarded({ proto }), NOT_REPRESENTABLE, proto)
  t.throws(() => formatForwarded({ host: 'a\r\nb' }), NOT_REPRESENTABLE)
})
