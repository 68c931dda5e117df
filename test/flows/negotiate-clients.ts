// Negotiate with the clients that people have, a real KDC, and tickets in their caches.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { NegotiateStrategy } from '../../lib/strategies/negotiate.js'
import type { NegotiateRefusal } from '../../lib/strategies/negotiate-options.js'
import { browsers } from '../fixtures/browsers.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import type { Certificate } from '../fixtures/certificate.js'
import { basic, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { git, gitBackend } from '../fixtures/git-backend.js'
import { kdc } from '../fixtures/kdc.js'
import { kerberos } from '../fixtures/kerberos.js'
import { knowing } from '../fixtures/lookup.js'
import { origin } from '../fixtures/origin.js'
import type { Answer, Origin } from '../fixtures/origin.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'

const [curl, java] = [peer('curl'), peer('java')]
const { skip, library } = kerberos
const realm = skip === false ? await kdc(t) : undefined
if (realm !== undefined) Object.assign(process.env, realm.env)

type Scheme = 'http' | 'https'
const SCHEMES: readonly Scheme[] = ['http', 'https']

interface World {
  readonly gate: Gateway
  readonly target: Origin
  readonly url: string
  readonly ca: Certificate | null
  readonly refused: NegotiateRefusal[]
  /** How many tokens were first ones, and how many connections there were. */
  readonly counts: { handshakes: number, connections: number }
}

/** A gateway with Negotiate, and an origin that it knows as `origin.test`. */
async function world (t: Test, scheme: Scheme, answer?: Answer): Promise<World> {
  const ca = scheme === 'https' ? certificate(t, 'origin.test') : null
  const target = await origin(t, answer, ca ?? undefined)
  const refused: NegotiateRefusal[] = []
  const counts = { handshakes: 0, connections: 0 }
  const strategy = new NegotiateStrategy({
    onRefused: refusal => { refused.push(refusal) },
    initializeServer: async service => {
      counts.handshakes++
      return await library.initializeServer(service)
    }
  })
  const gate = await gateway(t, {
    strategies: [strategy, basic()],
    connectionBound: true,
    forward: { special: ['origin.test:*'], lookup: knowing('origin.test'), tls: { ca: ca?.cert } },
    after: app => { app.server.on('connection', () => { counts.connections++ }) }
  })
  counts.handshakes = 0 // the boot has opened one, to see that it can
  return { gate, target, url: `${scheme}://origin.test:${target.port}/`, ca, refused, counts }
}

const envOf = (cache: string) => ({ KRB5_CONFIG: realm!.env['KRB5_CONFIG']!, KRB5CCNAME: cache })
const served = async ({ gate }: World) =>
  (await gate.logged(({ proxy }) => (proxy as { status?: number } | undefined)?.status === 200))['proxy'] as Record<string, unknown>

/** What curl prints: the statuses of CONNECT (000 without one) and of each request. */
async function runCurl (t: Test, { gate, ca }: World, cache: string, ...args: string[]): Promise<string> {
  const { stdout } = await runProgram(t, curl.path, [
    '-q', '-sS', '--max-time', '35', '-o', '/dev/null', '-w', '%{http_connect} %{http_code}\n', ...ca === null ? [] : ['--cacert', ca.certFile],
    '-x', `http://localhost:${gate.port}`, '--proxy-negotiate', '-U', ':', ...args
  ], envOf(cache))
  return stdout
}

for (const scheme of SCHEMES) {
  const missing = skip || (scheme === 'https' && openssl.skip)
  const right = scheme === 'https' ? '200 200\n' : '000 200\n'
  const wrong = scheme === 'https' ? '407 000\n' : '000 407\n'

  t.test(`curl --proxy-negotiate, ${scheme}`, { skip: missing || curl.skip }, async t => {
    t.test('a ticket, and none (R-NEG-1)', async t => {
      const here = await world(t, scheme)
      t.equal(await runCurl(t, here, realm!.cache(null), here.url), wrong)
      t.equal(here.target.connections, 0)
      t.equal(await runCurl(t, here, realm!.cache('bob'), here.url), right)
      t.match(await served(here), { user: 'bob', scheme: 'Negotiate' })
      t.same(here.refused, [])
    })

    t.test('POST, and 3 MB, delivered once (R-NEG-11)', async t => {
      const here = await world(t, scheme)
      const content = randomBytes(3_000_000)
      const file = join(t.testdir({ content }), 'content')
      const cache = realm!.cache('alice')
      t.equal(await runCurl(t, here, cache, '-d', 'a=b', here.url), right)
      t.equal(await runCurl(t, here, cache, '-T', file, here.url), right)
      t.equal(await runCurl(t, here, cache, '--proxy-anyauth', '-T', file, '-H', 'Expect: 100-continue', here.url), right)
      t.same(here.target.seen.map(({ method, body }) => [method, body.length]), [['POST', 3], ['PUT', content.length], ['PUT', content.length]])
      t.ok(here.target.seen.slice(1).every(({ body }) => body.equals(content)))
      for (const { headers } of here.target.seen) t.notOk('proxy-authorization' in headers)
    })

    t.test('200 requests in turn on one connection: a tunnel takes one token, in absolute-form curl sends one each time (R-NEG-8)', async t => {
      const here = await world(t, scheme)
      const lines = await runCurl(t, here, realm!.cache('alice'), `${here.url}[1-200]`)
      t.equal(lines.match(/ 200\n/g)?.length, 200)
      t.same(here.counts, { handshakes: scheme === 'https' ? 1 : 200, connections: 1 })
      t.equal(here.target.seen.length, 200)
      t.same(here.refused, [])
    })
  })

  t.test(`git clone, ${scheme}`, { skip: missing || git.skip }, async t => {
    const here = await world(t, scheme, gitBackend(t))
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
    const here = await world(t, scheme)
    const source = fileURLToPath(new URL('../fixtures/clients/url-connection.java', import.meta.url))
    const { stdout, stderr } = await runProgram(t, java.path, [
      '-Djavax.security.auth.useSubjectCredsOnly=false', '-Dsun.security.jgss.native=true', source,
      String(here.gate.port), 'nobody', 'wrong', here.url, here.ca?.certFile ?? ''
    ], envOf(realm!.cache('alice')))
    t.equal(stdout, '200\n', stderr)
    t.match(await served(here), { user: 'alice', scheme: 'Negotiate' })
  })
}

for (const [name, { skip: missing, start }] of Object.entries(browsers)) {
  t.test(name, { skip: skip || missing || openssl.skip }, async t => {
    const answer: Answer = (_request, response) => { response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><link rel="icon" href="data:,">') }
    for (const scheme of SCHEMES) {
      t.test(scheme, async t => {
        const here = await world(t, scheme, answer)
        const browser = await start(t, { port: here.gate.port, env: envOf(realm!.cache('alice')) })
        t.equal(await browser.visit(here.url), 200)
        t.ok(here.counts.handshakes > 0)
        t.same([here.refused, here.target.seen.length], [[], 1])
      })
    }
  })
}
