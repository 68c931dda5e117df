// NTLM with the clients that people have; the browsers are in ntlm-browsers.ts. A client of our own that can do everything wrong is in ntlm.ts.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { NtlmStrategy } from '../../lib/strategies/ntlm/strategy.js'
import { openssl } from '../fixtures/certificate.js'
import { curl, curlPrints } from '../fixtures/curl.js'
import { basic } from '../fixtures/gateway.js'
import { git, gitBackend } from '../fixtures/git-backend.js'
import { inJava, java } from '../fixtures/java.js'
import type { Answer } from '../fixtures/origin.js'
import { runProgram } from '../fixtures/run-program.js'
import { TARGET_SCHEMES, served, world } from '../fixtures/world.js'
import type { TargetScheme, World } from '../fixtures/world.js'

const PASSWORDS = new Map([['alice', 'alice-secret'], ['bob', 'bob-secret']])

interface NtlmWorld {
  readonly here: World
  /** How many handshakes came to their last leg. */
  readonly handshakes: () => number
}

async function ntlmWorld (t: Test, scheme: TargetScheme, answer?: Answer): Promise<NtlmWorld> {
  let handshakes = 0
  const strategy = new NtlmStrategy({
    lookup: username => {
      handshakes += 1
      const password = PASSWORDS.get(username)
      return password === undefined ? null : { password }
    }
  })
  const here = await world(t, scheme, answer, { strategies: [strategy, basic()], connectionBound: true })
  return { here, handshakes: () => handshakes }
}

const runCurl = (t: Test, here: World, user: string, ...args: string[]) =>
  curlPrints(t, here, ['-x', here.gate.url, '--proxy-ntlm', '-U', user, ...args])

for (const scheme of TARGET_SCHEMES) {
  const missing = scheme === 'https' && openssl.skip
  const right = scheme === 'https' ? '200 200\n' : '000 200\n'
  const wrong = scheme === 'https' ? '407 000\n' : '000 407\n'

  t.test(`curl --proxy-ntlm, ${scheme}`, { skip: missing || curl.skip }, async t => {
    t.test('a password, and a wrong one (R-NTLM-1, R-NTLM-2, R-NTLM-4)', async t => {
      const { here, handshakes } = await ntlmWorld(t, scheme)
      t.equal(await runCurl(t, here, 'bob:wrong', here.url), wrong)
      t.same([here.target.connections, handshakes()], [0, 1])
      t.equal(await runCurl(t, here, 'bob:bob-secret', here.url), right)
      t.match(await served(here), { user: 'bob', scheme: 'NTLM' })
    })

    t.test('POST, and 3 MB, delivered once (R-EXP-8)', async t => {
      const { here, handshakes } = await ntlmWorld(t, scheme)
      const content = randomBytes(3_000_000)
      const file = join(t.testdir({ content }), 'content')
      t.equal(await runCurl(t, here, 'alice:alice-secret', '-d', 'a=b', here.url), right)
      t.equal(await runCurl(t, here, 'alice:alice-secret', '-T', file, here.url), right)
      t.equal(await runCurl(t, here, 'alice:alice-secret', '--proxy-anyauth', '-T', file, '-H', 'Expect: 100-continue', here.url), right)
      t.equal(await runCurl(t, here, 'alice:alice-secret', '--proxy-anyauth', '-T', file, '-H', 'Expect:', here.url), right, 'which has sent some of it by the time of the 407')
      t.same(here.target.seen.map(({ method, body }) => [method, body.length]), [['POST', 3], ['PUT', content.length], ['PUT', content.length], ['PUT', content.length]])
      t.ok(here.target.seen.slice(1).every(({ body }) => body.equals(content)))
      for (const { headers } of here.target.seen) t.notOk('proxy-authorization' in headers)
      t.equal(handshakes(), 4)
    })

    t.test('200 requests in turn: one connection, one handshake', async t => {
      const { here, handshakes } = await ntlmWorld(t, scheme)
      const lines = await runCurl(t, here, 'alice:alice-secret', `${here.url}[1-200]`)
      t.equal(lines.match(/ 200\n/g)?.length, 200)
      t.same([handshakes(), here.connections], [1, 1])
      t.equal(here.target.seen.length, 200)
    })
  })

  t.test(`git clone, ${scheme}`, { skip: missing || git.skip }, async t => {
    const { here } = await ntlmWorld(t, scheme, gitBackend(t))
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
    const { here } = await ntlmWorld(t, scheme)
    const fetch = { port: here.gate.port, username: 'alice', password: 'alice-secret', url: here.url }
    t.same(await inJava(t, 'HttpURLConnection', [fetch], { ca: here.ca }), ['200'])
    t.match(await served(here), { user: 'alice', scheme: 'NTLM' })
  })
}
