// Samba at the other end: as the verifier behind us, as the client that answers our challenges, and as the judge of our verdicts.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { NtlmStrategy, lookupStatic, ntlmAuth } from '../../lib/index.js'
import type { NtlmLogin, NtlmVerdict, NtlmVerifier } from '../../lib/index.js'
import { exchangedKey, messageIntegrityCode, ntHash, ntowfv2, sessionBaseKey } from '../../lib/schemes/ntlm/keys.js'
import { withoutMic } from '../../lib/schemes/ntlm/message.js'
import type { AuthenticateMessage, NegotiateMessage } from '../../lib/schemes/ntlm/message.js'
import { NtlmHelper } from '../../lib/strategies/ntlm/helper.js'
import { verifyWith } from '../../lib/strategies/ntlm/lookup.js'
import { readNtlmOptions } from '../../lib/strategies/ntlm/options.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { authenticate, negotiate } from '../fixtures/ntlm-client.js'
import type { NtlmAnswer } from '../fixtures/ntlm-client.js'
import { ntlmLogin } from '../fixtures/ntlm-login.js'
import { origin } from '../fixtures/origin.js'
import { peer } from '../fixtures/peers.js'
import { RawClient } from '../fixtures/raw-client.js'
import { runProgram } from '../fixtures/run-program.js'
import { winbind, winbindSkip as skip } from '../fixtures/winbind.js'

const curl = peer('curl')
const samba = skip === false ? await winbind(t) : undefined
const FIRST = negotiate()
const LONG = 60_000

/** A verifier whose processes end with the test. */
function verifier (t: Test, helpers = 2): NtlmVerifier {
  const self = ntlmAuth({ command: samba!.ntlmAuth, helpers, timeout: LONG })
  t.teardown(() => self.close())
  return self
}

const around = async (t: Test, strategy: NtlmStrategy, options: GatewayOptions = {}): Promise<Surroundings> =>
  await surroundings(t, { strategies: [strategy], connectionBound: true, strategyTimeout: LONG, ...options })
const statusOf = (answer: string) => Number(answer.slice(9, 12))
const challengeIn = (answer: string) => /\r\nproxy-authenticate: NTLM (\S+)\r\n/i.exec(answer)?.[1] ?? ''

/** Both legs on one connection; the status of the last. */
async function login (client: RawClient, form: Form, { origin }: Surroundings, first: string, last: (challenge: string) => string | Promise<string>): Promise<number> {
  const ask = async (token: string) => await client.send(message(form, `origin.test:${origin.port}`, [`Proxy-Authorization: NTLM ${token}`])).answer()
  return statusOf(await ask(await last(challengeIn(await ask(first)))))
}

/** What curl prints: the statuses of CONNECT (000 without one) and of the request. */
async function runCurl (t: Test, ...args: string[]): Promise<string> {
  return (await runProgram(t, curl.path, ['-q', '-sS', '--max-time', '60', '-o', '/dev/null', '-w', '%{http_connect} %{http_code}', ...args], {}, 70_000)).stdout
}

t.test('curl --proxy-ntlm, verified by ntlm_auth: the right password is accepted, a wrong one is refused (R-NTLM-4)', { skip: skip || curl.skip }, async t => {
  for (const scheme of ['http', 'https'] as const) {
    t.test(scheme, { skip: scheme === 'https' && openssl.skip }, async t => {
      const tls = scheme === 'https' ? certificate(t, 'origin.test') : undefined
      const target = await origin(t, undefined, tls)
      const here = await around(t, new NtlmStrategy({ verifier: verifier(t) }), { forward: { special: ['127.0.0.1:*'], tls: { ca: tls?.cert } } })
      const ask = async (user: string) => await runCurl(
        t, ...tls === undefined ? [] : ['--cacert', tls.certFile], '-x', here.url, '--proxy-ntlm', '-U', user, `${scheme}://${target.authority}/`
      )
      const [right, wrong] = scheme === 'https' ? ['200 200', '407 000'] : ['000 200', '000 407']
      for (const user of ['alice:wrong', 'mallory:alice-secret', 'PROXYHOST\\bob:alice-secret', ':']) t.equal(await ask(user), wrong, user)
      t.same([target.connections, here.proxied().filter(({ user }) => user !== undefined)], [0, []])
      for (const user of ['alice', '.\\alice', 'PROXYHOST\\alice', 'proxyhost\\ALICE']) t.equal(await ask(`${user}:alice-secret`), right, user)
      await here.logged(({ proxy }) => (proxy as { status?: number } | undefined)?.status === 200)
      t.ok(here.proxied().some(({ user, scheme }) => user === 'PROXYHOST\\alice' && scheme === 'NTLM'))
    })
  }

  t.test('a route that is an origin', async t => {
    const upstream = await origin(t)
    const { url } = await gateway(t, {
      strategies: [new NtlmStrategy({ verifier: verifier(t) })], connectionBound: true, strategyTimeout: LONG, reverse: [{ prefix: '/api', upstream: upstream.url, status: 401 }]
    })
    t.equal(await runCurl(t, '--ntlm', '-u', 'bob:wrong', `${url}/api/`), '000 401')
    t.same(upstream.seen, [])
    t.equal(await runCurl(t, '--ntlm', '-u', 'bob:bob-secret', '-d', 'a=b', `${url}/api/`), '000 200')
    t.match(upstream.seen, [{ method: 'POST', headers: { authorization: undefined } }])
    t.equal(String(upstream.seen[0]?.body), 'a=b')
  })
})

t.test('many clients at a time on a few processes: each is authenticated as its own user', { skip }, async t => {
  const here = await around(t, new NtlmStrategy({ verifier: verifier(t, 3) }))
  const users = Array.from({ length: 24 }, (_, i) => ['alice', 'bob', 'mallory'][i % 3]!)
  const statuses = await Promise.all(users.map(async user => {
    const client = await RawClient.to(t, here.port)
    return await login(client, 'absolute-form', here, FIRST, challenge => authenticate(challenge, FIRST, { user, password: `${user}-secret` }))
  }))
  t.same(statuses, users.map(user => user === 'mallory' ? 407 : 200))
  t.same(here.proxied().flatMap(({ user }) => user === undefined ? [] : [user]).sort(), [...Array(8).fill('PROXYHOST\\alice'), ...Array(8).fill('PROXYHOST\\bob')])
})

t.test('a client that stops behind the challenge: its process is given back', { skip }, async t => {
  const here = await around(t, new NtlmStrategy({ verifier: verifier(t, 1) }), { connectionBound: { handshakeTimeout: 3000 } })
  const silent = await RawClient.to(t, here.port)
  t.ok(challengeIn(await silent.send(message('absolute-form', `origin.test:${here.origin.port}`, [`Proxy-Authorization: NTLM ${FIRST}`])).answer()))
  t.equal(await login(await RawClient.to(t, here.port), 'absolute-form', here, FIRST, challenge => authenticate(challenge, FIRST)), 200)
  t.equal(await silent.end(), '')
})

for (const form of FORMS) {
  t.test(`${form}: Samba takes the integrity code and the key that our client makes, and no wrong one (R-NTLM-3)`, { skip }, async t => {
    const here = await around(t, new NtlmStrategy({ verifier: verifier(t) }))
    const rows: Array<[NtlmAnswer, number]> = [
      [{ mic: 'wrong' }, 407], [{ mic: 'wrong', keyExchange: true }, 407], [{ password: 'wrong', mic: 'right' }, 407], [{ ntResponse: Buffer.alloc(24, 1) }, 407],
      [{ mic: 'right' }, 200], [{ mic: 'right', keyExchange: true }, 200]
    ]
    for (const [answer, status] of rows) {
      const client = await RawClient.to(t, here.port)
      t.equal(await login(client, form, here, FIRST, challenge => authenticate(challenge, FIRST, answer)), status, JSON.stringify(answer))
      if (status === 200 && form !== 'CONNECT') t.equal(statusOf(await client.send(message(form, `origin.test:${here.origin.port}`)).answer()), 200, 'and the connection is his')
    }
  })
}

for (const form of FORMS) {
  t.test(`${form}: the client's half of the package answers Samba's challenge (R-NTLM-1, R-NTLM-3, R-NTLM-4)`, { skip }, async t => {
    const here = await around(t, new NtlmStrategy({ verifier: verifier(t) }))
    const rows: Array<[NtlmLogin, number]> = [
      [{ username: 'alice', password: 'wrong' }, 407], [{ username: 'mallory', password: 'alice-secret' }, 407],
      [{ username: 'alice', password: 'alice-secret' }, 200], [{ username: 'BOB', ntHash: ntHash('bob-secret'), domain: samba!.domain, workstation: 'PC' }, 200],
      [{ username: 'bob', password: 'bob-secret', targetName: 'HTTP/proxy.test' }, 200]
    ]
    for (const [user, status] of rows) {
      const connection = await RawClient.to(t, here.port)
      const { response } = await ntlmLogin(user, async credentials =>
        await connection.send(message(form, `origin.test:${here.origin.port}`, [`Proxy-Authorization: ${credentials}`])).answer())
      t.equal(statusOf(response), status, user.username)
    }
  })
}

/** Samba's client: a line for each leg. */
function client (t: Test, username: string, password: string, domain = ''): NtlmHelper {
  const args = ['--helper-protocol=ntlmssp-client-1', `--username=${username}`, `--password=${password}`, `--domain=${domain}`]
  const self = new NtlmHelper(samba!.ntlmAuth, args, LONG, () => {})
  t.teardown(() => self.end())
  return self
}

/** What it sends in its turn, without the word before it. */
const said = async (self: NtlmHelper, line: string): Promise<string> => (await self.ask(line)).split(' ')[1]!

const PASSWORDS = { alice: 'alice-secret', bob: 'bob-secret' }
const SETTINGS = readNtlmOptions({ lookup: lookupStatic(PASSWORDS).lookup })

interface Judged { readonly first: NegotiateMessage, readonly challenge: Buffer, readonly last: AuthenticateMessage, readonly verdict: NtlmVerdict }

/** Our own verifier, and what went through it. */
function recording (): { verifier: NtlmVerifier, judged: Judged[] } {
  const judged: Judged[] = []
  const inner = verifyWith(SETTINGS.lookup!, SETTINGS)
  const begin: NtlmVerifier['begin'] = async first => {
    const { challenge, finish } = await inner.begin(first)
    return {
      challenge,
      finish: async (last, socket) => {
        const verdict = await finish(last, socket)
        judged.push({ first, challenge, last, verdict })
        return verdict
      }
    }
  }
  return { verifier: { begin }, judged }
}

/** The key of the session, as we derive it. */
function keyOf ({ last: { user, domain, ntResponse } }: Judged): Buffer {
  return sessionBaseKey(ntowfv2(ntHash(PASSWORDS[user as 'alice']), user, domain), ntResponse.subarray(0, 16))
}

/** Asks Samba about a response to a challenge of ours; the key of the session, if it is right. */
function judge ({ challenge, last }: Judged): string | null {
  const { status, stdout } = spawnSync(samba!.ntlmAuth, [
    `--username=${last.user}`, `--domain=${last.domain || samba!.domain}`, `--challenge=${challenge.toString('hex', 24, 32)}`,
    `--nt-response=${last.ntResponse.toString('hex')}`, '--request-nt-key'
  ], { encoding: 'latin1' })
  return status === 0 ? /^NT_KEY: (\w{32})$/m.exec(stdout)?.[1]?.toLowerCase() ?? null : null
}

for (const form of FORMS) {
  t.test(`${form}: Samba's client answers our challenge (R-NTLM-1, R-NTLM-3, R-NTLM-4)`, { skip }, async t => {
    const { verifier, judged } = recording()
    const here = await around(t, new NtlmStrategy({ verifier }))
    for (const [user, password, domain, status] of [
      ['alice', 'wrong', '', 407], ['mallory', 'alice-secret', '', 407], ['bob', 'alice-secret', 'ANY', 407],
      ['alice', 'alice-secret', '', 200], ['Bob', 'bob-secret', '', 407], ['bob', 'bob-secret', 'ANY', 200]
    ] as const) {
      const connection = await RawClient.to(t, here.port)
      const self = client(t, user, password, domain)
      t.equal(await login(connection, form, here, await said(self, 'YR'), challenge => said(self, `TT ${challenge}`)), status, `${user}:${password}`)
    }
    const right = judged.filter(({ verdict }) => verdict.kind === 'right')
    t.equal(right.length, 2)
    for (const each of right) {
      const { first, challenge, last } = each
      const key = last.encryptedSessionKey.length === 0 ? keyOf(each) : exchangedKey(keyOf(each), last.encryptedSessionKey)
      t.same(last.mic, messageIntegrityCode(key, first.octets, challenge, withoutMic(last)), 'its integrity code is the one that we compute')
    }
  })
}

t.test('a login by any client: our verdict is that of Samba, and so is the key', { skip: skip || curl.skip }, async t => {
  const { verifier, judged } = recording()
  const here = await around(t, new NtlmStrategy({ verifier }))
  const url = `http://origin.test:${here.origin.port}/`
  for (const password of ['alice-secret', 'wrong']) await runCurl(t, '-x', here.url, '--proxy-ntlm', '-U', `alice:${password}`, url)
  for (const [password, domain] of [['bob-secret', 'PROXYHOST'], ['bob-secret', ''], ['alice-secret', '']] as const) {
    const self = client(t, 'bob', password, domain)
    await login(await RawClient.to(t, here.port), 'absolute-form', here, await said(self, 'YR'), challenge => said(self, `TT ${challenge}`))
  }
  for (const answer of [{ user: 'alice' }, { user: 'alice', password: randomBytes(8).toString('hex') }, { user: 'bob', password: 'bob-secret', domain: 'proxyhost', mic: 'right' }] as const) {
    await login(await RawClient.to(t, here.port), 'absolute-form', here, FIRST, challenge => authenticate(challenge, FIRST, answer))
  }
  t.equal(judged.length, 8)
  t.same(judged.map(({ verdict }) => verdict.kind), ['right', 'wrong', 'right', 'right', 'wrong', 'right', 'wrong', 'right'])
  t.same(judged.map(judge), judged.map(each => each.verdict.kind === 'right' ? keyOf(each).toString('hex') : null))
})

t.test('a helper that can reach no server: 503, and it does not count as a guess', { skip }, async t => {
  const self = await winbind(t)
  const verifier = ntlmAuth({ command: self.ntlmAuth, helpers: 1, timeout: LONG })
  t.teardown(() => verifier.close())
  const here = await around(t, new NtlmStrategy({ verifier }))
  const ask = async (answer: NtlmAnswer = {}) =>
    await login(await RawClient.to(t, here.port), 'absolute-form', here, FIRST, challenge => authenticate(challenge, FIRST, answer))
  t.equal(await ask(), 200)
  t.equal(await ask({ domain: 'ELSEWHERE' }), 503, 'no server of that domain can be asked')
  await self.stop()
  t.equal(await ask(), 503)
  t.equal(await ask({ password: 'wrong' }), 503)
})
