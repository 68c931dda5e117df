import t from 'tap'
import { readEnvironment } from '../../../lib/policy/parent/environment.js'
import { chooseFrom } from '../../../lib/policy/parent/list.js'
import type { Hop, Parent } from '../../../lib/policy/parent/parent.js'
import type { TargetScheme } from '../../../lib/policy/target/check.js'
import type { ProxyIdentity } from '../../../lib/types.js'
import { CANARY, refusesOption } from '../../fixtures/bad-option.js'

const alice: ProxyIdentity = { name: 'alice', user: {}, info: undefined, scheme: 'Basic', realm: 'Gateway' }
/** What a test puts into the environment. */
type Env = Readonly<Record<string, string | undefined>>
const waysIn = (env: Env) => {
  const choose = chooseFrom(readEnvironment(env))
  return (scheme: TargetScheme, host = 'x.test', port = 443) => choose({ scheme, host, port }, alice)
}
const nameOf = (hops: readonly Hop[]) => hops.map(hop => hop === 'direct' ? hop : hop.name).join(' ')
const SCHEMES = ['http', 'https', 'connect'] as const
/** The ways of a request for `http:`, one for `https:`, and a CONNECT. */
const ways = (env: Env) => SCHEMES.map(scheme => nameOf(waysIn(env)(scheme)))

t.test('an environment that names no proxy: every target is reached directly', async t => {
  for (const env of [{}, { http_proxy: '', HTTPS_PROXY: '' }, { no_proxy: '*' }, { ftp_proxy: 'http://p.test' }]) t.strictSame(ways(env), ['direct', 'direct', 'direct'])
})

t.test('variables of each kind: the one for the scheme counts, then all_proxy, lower case first', async t => {
  const url = (name: string) => `http://${name}.test:3128`
  const P = (name: string) => `${name}.test:3128`
  for (const [env, ...expected] of [
    [{ http_proxy: url('a') }, P('a'), 'direct', 'direct'],
    [{ https_proxy: url('a') }, 'direct', P('a'), P('a')],
    [{ HTTPS_PROXY: url('a') }, 'direct', P('a'), P('a')],
    [{ all_proxy: url('a') }, P('a'), P('a'), P('a')],
    [{ ALL_PROXY: url('a') }, P('a'), P('a'), P('a')],
    [{ http_proxy: url('a'), https_proxy: url('b'), all_proxy: url('c') }, P('a'), P('b'), P('b')],
    [{ http_proxy: url('a'), ALL_PROXY: url('c') }, P('a'), P('c'), P('c')],
    [{ https_proxy: url('a'), HTTPS_PROXY: url('b'), http_proxy: url('c'), HTTP_PROXY: url('d') }, P('c'), P('a'), P('a')],
    [{ all_proxy: url('a'), ALL_PROXY: url('b') }, P('a'), P('a'), P('a')],
    [{ https_proxy: '', HTTPS_PROXY: url('b') }, 'direct', P('b'), P('b')],
    [{ HTTP_PROXY: url('a') }, P('a'), 'direct', 'direct']
  ] as const) t.strictSame(ways(env), expected, JSON.stringify(env))
})

t.test('HTTP_PROXY of a CGI program: comes from the client, and counts for nothing', async t => {
  t.strictSame(ways({ HTTP_PROXY: 'http://evil.test', REQUEST_METHOD: 'GET' }), ['direct', 'direct', 'direct'])
  t.strictSame(ways({ http_proxy: 'http://a.test:1', HTTPS_PROXY: 'http://b.test:1', REQUEST_METHOD: 'GET' }), ['a.test:1', 'b.test:1', 'b.test:1'])
})

t.test('no_proxy: its targets are reached directly, and no others', async t => {
  for (const name of ['no_proxy', 'NO_PROXY']) {
    const way = waysIn({ all_proxy: 'http://a.test:1', [name]: '.example.test,10.0.0.0/8,b.test:8443' })
    for (const scheme of SCHEMES) {
      t.equal(nameOf(way(scheme, 'www.example.test')), 'direct')
      t.equal(nameOf(way(scheme, '10.1.1.1')), 'direct')
      t.equal(nameOf(way(scheme, 'b.test', 8443)), 'direct')
      t.equal(nameOf(way(scheme, 'b.test', 443)), 'a.test:1')
    }
  }
  t.equal(nameOf(waysIn({ all_proxy: 'http://a.test:1', no_proxy: 'b.test', NO_PROXY: '*' })('http')), 'a.test:1', 'lower case counts first')
  const some = waysIn({ http_proxy: 'http://a.test:1', no_proxy: '*' })
  for (const scheme of SCHEMES) t.equal(nameOf(some(scheme)), 'direct')
})

t.test('a URL for several schemes: is one parent', async t => {
  const url = 'http://user:secret@a.test:1'
  for (const env of [{ http_proxy: url, https_proxy: url }, { all_proxy: url }]) {
    const [http, https] = readEnvironment(env)
    t.equal(http!.hop, https!.hop)
    t.strictSame((http!.hop as Parent).credentials!(alice), { scheme: 'Basic', username: 'user', password: 'secret' })
  }
})

t.test('two accounts at one host and port: each has a name of its own', async t => {
  const entries = readEnvironment({ http_proxy: 'http://u:p@a.test:1', HTTPS_PROXY: 'http://v:p@a.test:1' })
  t.strictSame(entries.slice(0, 2).map(({ hop }) => (hop as Parent).name), ['a.test:1', 'a.test:1 (HTTPS_PROXY)'])
})

t.test('a URL without a scheme: is one of http:, as with curl', async t => {
  t.match(readEnvironment({ http_proxy: 'user:p@a.test:3128' })[0]!.hop, { protocol: 'http', host: 'a.test', port: 3128 })
})

t.test('SOCKS5: socks5: resolves here, and socks5h: at the parent, as with curl', async t => {
  for (const [url, resolve] of [['socks5://a.test', 'local'], ['SOCKS5://a.test', 'local'], ['socks5h://a.test', 'parent'], ['http://a.test', 'parent']] as const) {
    t.equal((readEnvironment({ all_proxy: url })[0]!.hop as Parent).resolve, resolve)
  }
})

t.test('a wrong URL: the error names the variable, never its value', async t => {
  refusesOption(t, () => readEnvironment({ http_proxy: `http://user:${CANARY}@a.test/x` }), 'http_proxy.url', 'a URL with a path, a query, a fragment, a space or a backslash')
  refusesOption(t, () => readEnvironment({ ALL_PROXY: `socks4://${CANARY}` }), 'ALL_PROXY.url', 'a URL of another scheme')
})
