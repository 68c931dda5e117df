// Negotiate with the clients that people have, a real KDC, and tickets in their caches. The browsers are in negotiate-browsers.ts.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { NegotiateStrategy } from '../../lib/strategies/negotiate/strategy.js'
import type { NegotiateRefusal } from '../../lib/strategies/negotiate/options.js'
import { openssl } from '../fixtures/certificate.js'
import { curl, curlPrints } from '../fixtures/curl.js'
import { basic } from '../fixtures/gateway.js'
import { git, gitBackend } from '../fixtures/git-backend.js'
import { NATIVE_TICKETS, inJava, java } from '../fixtures/java.js'
import { kdc } from '../fixtures/kdc.js'
import { kerberos } from '../fixtures/kerberos.js'
import type { Answer } from '../fixtures/origin.js'
import { runProgram } from '../fixtures/run-program.js'
import { TARGET_SCHEMES, served, world } from '../fixtures/world.js'
import type { TargetScheme, World } from '../fixtures/world.js'

const { skip, library } = kerberos
const realm = skip === false ? await kdc(t) : undefined
if (realm !== undefined) Object.assign(process.env, realm.env)

interface NegotiateWorld {
  readonly here: World
  readonly refused: NegotiateRefusal[]
  /** How many tokens were first ones. */
  readonly handshakes: () => number
}

async function negotiateWorld (t: Test, scheme: TargetScheme, answer?: Answer): Promise<NegotiateWorld> {
  const refused: NegotiateRefusal[] = []
  let handshakes = 0
  const strategy = new NegotiateStrategy({
    onRefused: refusal => { refused.push(refusal) },
    initializeServer: async service => {
      handshakes += 1
      return await library.initializeServer(service)
    }
  })
  const here = await world(t, scheme, answer, { strategies: [strategy, basic()], connectionBound: true })
  handshakes = 0 // the boot has opened one, to see that it can
  return { here, refused, handshakes: () => handshakes }
}

const envOf = (cache: string) => ({ KRB5_CONFIG: realm!.env['KRB5_CONFIG']!, KRB5CCNAME: cache })
const runCurl = (t: Test, here: World, cache: string, ...args: string[]) =>
  curlPrints(t, here, ['-x', `http://localhost:${here.gate.port}`, '--proxy-negotiate', '-U', ':', ...args], envOf(cache))

for (const scheme of TARGET_SCHEMES) {
  const missing = skip || (scheme === 'https' && openssl.skip)
  const right = scheme === 'https' ? '200 200\n' : '000 200\n'
  const wrong = scheme === 'https' ? '407 000\n' : '000 407\n'

  t.test(`curl --proxy-negotiate, ${scheme}`, { skip: missing || curl.skip }, async t => {
    t.test('a ticket, and none (R-NEG-1)', async t => {
      const { here, refused } = await negotiateWorld(t, scheme)
      t.equal(await runCurl(t, here, realm!.cache(null), here.url), wrong)
      t.equal(here.target.connections, 0)
      t.equal(await runCurl(t, here, realm!.cache('bob'), here.url), right)
      t.match(await served(here), { user: 'bob', scheme: 'Negotiate' })
      t.same(refused, [])
    })

    t.test('POST, and 3 MB, delivered once (R-NEG-11)', async t => {
      const { here } = await negotiateWorld(t, scheme)
      const content = randomBytes(3_000_000)
      const file = join(t.testdir({ content }), 'content')
      const cache = realm!.cache('alice')
      t.equal(await runCurl(t, here, cache, '-d', 'a=b', here.url), right)
      t.equal(await runCurl(t, here, cache, '-T', file, here.url), right)
      t.equal(await runCurl(t, here, cache, '--proxy-anyauth', '-T', file, '-H', 'Expect: 100-continue', here.url), right)
      t.equal(await runCurl(t, here, cache, '--proxy-anyauth', '-T', file, '-H', 'Expect:', here.url), right, 'which has sent some of it by the time of the 407')
      t.same(here.target.seen.map(({ method, body }) => [method, body.length]), [['POST', 3], ['PUT', content.length], ['PUT', content.length], ['PUT', content.length]])
      t.ok(here.target.seen.slice(1).every(({ body }) => body.equals(content)))
      for (const { headers } of here.target.seen) t.notOk('proxy-authorization' in headers)
    })

    t.test('200 requests in turn on one connection: a tunnel takes one token, in absolute-form curl sends one each time (R-NEG-8)', async t => {
      const { here, refused, handshakes } = await negotiateWorld(t, scheme)
      const lines = await runCurl(t, here, realm!.cache('alice'), `${here.url}[1-200]`)
      t.equal(lines.match(/ 200\n/g)?.length, 200)
      t.same([handshakes(), here.connections], [scheme === 'https' ? 1 : 200, 1])
      t.equal(here.target.seen.length, 200)
      t.same(refused, [])
    })
  })

  t.test(`git clone, ${scheme}`, { skip: missing || git.skip }, async t => {
    const { here } = await negotiateWorld(t, scheme, gitBackend(t))
    const into = t.testdir()
    const clone = (name: string, cache: string) => runProgram(t, git.path, [
      '-c', `http.proxy=http://:@localhost:${here.gate.port}`, '-c', 'http.proxyAuthMethod=negotiate',
      ...here.ca === null ? [] : ['-c', `http.sslCAInfo=${here.ca.certFile}`],
      'clone', `${here.url}repository.git`, join(into, name)
    ], { ...envOf(cache), GIT_TERMINAL_PROMPT: '0' })
    const refused = await clone('refused', realm!.cache(null))
    t.not(refused.code, 0)
    t.equal(here.target.connections, 0)
    const { code, stderr } = await clone('right', realm!.cache('alice'))
    t.equal(code, 0, stderr)
    t.equal(await readFile(join(into, 'right', 'hello'), 'utf8'), 'hello\n')
  })

  t.test(`Java, ${scheme}`, { skip: missing || java.skip }, async t => {
    const { here } = await negotiateWorld(t, scheme)
    const fetch = { port: here.gate.port, username: 'nobody', password: 'wrong', url: here.url }
    t.same(await inJava(t, 'HttpURLConnection', [fetch], { ca: here.ca, settings: NATIVE_TICKETS, env: envOf(realm!.cache('alice')) }), ['200'])
    t.match(await served(here), { user: 'alice', scheme: 'Negotiate' })
  })
}
