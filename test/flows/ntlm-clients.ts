// NTLM with the clients that people have. A client of our own that can do everything wrong is in ntlm.ts.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { NtlmStrategy } from '../../lib/strategies/ntlm.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import type { Certificate } from '../fixtures/certificate.js'
import { basic, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { git, gitBackend } from '../fixtures/git-backend.js'
import { knowing } from '../fixtures/lookup.js'
import { origin } from '../fixtures/origin.js'
import type { Answer, Origin } from '../fixtures/origin.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'

const [curl, java] = [peer('curl'), peer('java')]
const PASSWORDS = new Map([['alice', 'alice-secret'], ['bob', 'bob-secret']])

type Scheme = 'http' | 'https'
const SCHEMES: readonly Scheme[] = ['http', 'https']

interface World {
  readonly gate: Gateway
  readonly target: Origin
  readonly url: string
  readonly ca: Certificate | null
  /** How many handshakes came to their last leg, and how many connections there were. */
  readonly counts: { handshakes: number, connections: number }
}

/** A gateway with NTLM, and an origin that it knows as `origin.test`. */
async function world (t: Test, scheme: Scheme, answer?: Answer): Promise<World> {
  const ca = scheme === 'https' ? certificate(t, 'origin.test') : null
  const target = await origin(t, answer, ca ?? undefined)
  const counts = { handshakes: 0, connections: 0 }
  const strategy = new NtlmStrategy({
    lookup: username => {
      counts.handshakes++
      const password = PASSWORDS.get(username)
      return password === undefined ? null : { password }
    }
  })
  const gate = await gateway(t, {
    strategies: [strategy, basic()],
    connectionBound: true,
    forward: { special: ['origin.test:*'], lookup: knowing('origin.test'), tls: { ca: ca?.cert } },
    after: app => { app.server.on('connection', () => { counts.connections++ }) }
  })
  return { gate, target, url: `${scheme}://origin.test:${target.port}/`, ca, counts }
}

const served = async ({ gate }: World) =>
  (await gate.logged(({ proxy }) => (proxy as { status?: number } | undefined)?.status === 200))['proxy'] as Record<string, unknown>

/** What curl prints: the statuses of CONNECT (000 without one) and of each request. */
async function runCurl (t: Test, { gate, ca }: World, user: string, ...args: string[]): Promise<string> {
  const { stdout } = await runProgram(t, curl.path, [
    '-q', '-sS', '--max-time', '35', '-o', '/dev/null', '-w', '%{http_connect} %{http_code}\n', ...ca === null ? [] : ['--cacert', ca.certFile],
    '-x', `http://127.0.0.1:${gate.port}`, '--proxy-ntlm', '-U', user, ...args
  ])
  return stdout
}

for (const scheme of SCHEMES) {
  const missing = scheme === 'https' && openssl.skip
  const right = scheme === 'https' ? '200 200\n' : '000 200\n'
  const wrong = scheme === 'https' ? '407 000\n' : '000 407\n'

  t.test(`curl --proxy-ntlm, ${scheme}`, { skip: missing || curl.skip }, async t => {
    t.test('a password, and a wrong one (R-NTLM-1, R-NTLM-2, R-NTLM-4)', async t => {
      const here = await world(t, scheme)
      t.equal(await runCurl(t, here, 'bob:wrong', here.url), wrong)
      t.same([here.target.connections, here.counts.handshakes], [0, 1])
      t.equal(await runCurl(t, here, 'bob:bob-secret', here.url), right)
      t.match(await served(here), { user: 'bob', scheme: 'NTLM' })
    })

    t.test('POST, and 3 MB, delivered once (R-EXP-8)', async t => {
      const here = await world(t, scheme)
      const content = randomBytes(3_000_000)
      const file = join(t.testdir({ content }), 'content')
      t.equal(await runCurl(t, here, 'alice:alice-secret', '-d', 'a=b', here.url), right)
      t.equal(await runCurl(t, here, 'alice:alice-secret', '-T', file, here.url), right)
      t.equal(await runCurl(t, here, 'alice:alice-secret', '--proxy-anyauth', '-T', file, '-H', 'Expect: 100-continue', here.url), right)
      t.same(here.target.seen.map(({ method, body }) => [method, body.length]), [['POST', 3], ['PUT', content.length], ['PUT', content.length]])
      t.ok(here.target.seen.slice(1).every(({ body }) => body.equals(content)))
      for (const { headers } of here.target.seen) t.notOk('proxy-authorization' in headers)
      t.equal(here.counts.handshakes, 3)
    })

    t.test('200 requests in turn: one connection, one handshake', async t => {
      const here = await world(t, scheme)
      const lines = await runCurl(t, here, 'alice:alice-secret', `${here.url}[1-200]`)
      t.equal(lines.match(/ 200\n/g)?.length, 200)
      t.same(here.counts, { handshakes: 1, connections: 1 })
      t.equal(here.target.seen.length, 200)
    })
  })

  t.test(`git clone, ${scheme}`, { skip: missing || git.skip }, async t => {
    const here = await world(t, scheme, gitBackend(t))
    const into = t.testdir()
    const clone = (name: string, password: string) => runProgram(t, git.path, [
      '-c', `http.proxy=http://alice:${password}@127.0.0.1:${here.gate.port}`, '-c', 'http.proxyAuthMethod=ntlm',
      ...here.ca === null ? [] : ['-c', `http.sslCAInfo=${here.ca.certFile}`],
      'clone', `${here.url}repository.git`, join(into, name)
    ], { GIT_TERMINAL_PROMPT: '0' })
    t.not((await clone('refused', 'wrong')).code, 0)
    t.equal(here.target.connections, 0)
    const { code, stderr } = await clone('right', 'alice-secret')
    t.equal(code, 0, stderr)
    t.equal(await readFile(join(into, 'right', 'hello'), 'utf8'), 'hello\n')
    t.match(await served(here), { user: 'alice', scheme: 'NTLM' })
  })

  t.test(`Java, ${scheme}`, { skip: missing || java.skip }, async t => {
    const here = await world(t, scheme)
    const source = fileURLToPath(new URL('../fixtures/clients/url-connection.java', import.meta.url))
    const { stdout, stderr } = await runProgram(t, java.path, [
      source, String(here.gate.port), 'alice', 'alice-secret', here.url, here.ca?.certFile ?? ''
    ])
    t.equal(stdout, '200\n', stderr)
    t.match(await served(here), { user: 'alice', scheme: 'NTLM' })
  })
}
