import t from 'tap'
import { Destinations, queryOf, upstreamName } from '../../../lib/proxy/reverse/destination.js'
import type { QueryString } from '../../../lib/proxy/reverse/destination.js'

const BASE = 'http://up.test:8080'
const BAD = { code: 'FST_PROXY_AUTH_BAD_TARGET', statusCode: 400 }

t.test('a path of the upstream: it stays as it was written', async t => {
  const destinations = new Destinations(BASE)
  t.match(destinations.find('/a%2Fb/{x}?q', BASE), { origin: BASE, name: BASE, host: 'up.test:8080', path: '/a%2Fb/{x}', search: '?q' })
  t.match(destinations.find('//other.test/x', BASE), { host: 'up.test:8080', path: '//other.test/x' })
  t.match(destinations.find('/a/./b', BASE), { path: '/a/b' })
  t.match(destinations.find('/...a', BASE), { path: '/...a' })
  t.match(destinations.find('/x', 'https://other.test/x/'.slice(0, -1)), { origin: 'https://other.test', path: '/x' })
})

t.test('a path that leaves that of the upstream, or is none: 400', async t => {
  for (const source of ['/a/../b', '/..', '/a/%2e%2e/b', '/a\\..\\b', '/%zz', 'http://other.test/', 'https://up.test:8080/']) {
    t.throws(() => new Destinations(BASE).find(source, BASE), BAD, source)
  }
  const within = `${BASE}/api`
  t.throws(() => new Destinations(within).find('/other', within), BAD)
  t.throws(() => new Destinations(within).find('/apis', within), BAD)
  for (const source of ['/api', '/api/x']) t.equal(new Destinations(within).find(source, within).path, source)
})

t.test('destinations that were found: they are kept, up to a limit', async t => {
  const destinations = new Destinations(BASE)
  const first = destinations.find('/0', BASE)
  t.equal(destinations.find('/0', BASE), first)
  for (let i = 1; i <= 1_000; i++) destinations.find(`/${i}`, BASE)
  t.not(destinations.find('/0', BASE), first)
})

t.test('an upstream that is a socket in the file system: the log has its name', async t => {
  const upstream = 'unix+http://%2Ftmp%2Fx.sock/'
  t.match(new Destinations(upstream).find('/x', upstream), { name: 'unix+http://%2Ftmp%2Fx.sock', path: '/x' })
})

t.test('the query: the options\', else the destination\'s, else the client\'s', async t => {
  const query = (url: string, search = '', option?: QueryString) => queryOf(search, { raw: { url } } as never, option)
  t.equal(query('/x'), '')
  t.equal(query('/x?a=1?b'), '?a=1?b')
  t.equal(query('/x?a=1', '?b=2'), '?b=2')
  t.equal(query('/x?a=1', '', { c: 3, d: ['4', '5'] }), '?c=3&d=4&d=5')
  t.equal(query('/x?a=1', '', {}), '')
  t.equal(query('/x?a=1', '?b', (search, url) => `${search}!${url}`), '??b!/x?a=1')
  t.equal(query('/x?a=1', '', () => ''), '')
})

t.test('the name of an upstream in the log: scheme and authority, without userinfo and path', async t => {
  for (const [upstream, name] of [
    ['http://up.test', 'http://up.test'],
    ['https://user:canary@Up.test:8443/path?q=1', 'https://up.test:8443'],
    ['wss://up.test/', 'wss://up.test'],
    ['', '']
  ] as const) t.equal(upstreamName(upstream), name)
})
