import t from 'tap'
import { createMatcher } from '../../../lib/policy/target/matcher.js'

t.test('patterns as a function: it tells how a target is on the list, in any spelling', async t => {
  const match = createMatcher(['*.corp.example', 'a.test:8443', '10.0.0.0/8', '[2001:db8::1]:*'])
  for (const [host, port, expected] of [
    ['Wiki.CORP.example.', 443, 'host'], ['wiki.corp.example', 22, 'host'], ['corp.example', 443, null], ['a.test', 8443, 'port'], ['a.test', 443, null],
    ['10.1.2.3', 1, 'host'], ['0xa.1', 1, 'host'], ['11.0.0.1', 1, null], ['[2001:DB8:0::1]', 1, 'port'], ['2001:db8::2', 1, null]
  ] as const) t.equal(match(host, port), expected, `${host}:${port}`)
})

t.test('a pattern or a host that is none: it is refused', async t => {
  t.throws(() => createMatcher(['a.test', 'http://b.test']), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option patterns\[1\] must be / })
  t.throws(() => createMatcher('*' as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.throws(() => createMatcher(['*'])('a b', 1), { code: 'FST_PROXY_AUTH_BAD_TARGET' })
})
