import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import type { DigestAlgorithmName } from '../../lib/schemes/digest/algorithm.js'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { paramsOf } from '../fixtures/digest.js'
import { origin } from '../fixtures/origin.js'
import { onlyAuthInt } from '../fixtures/only-auth-int.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'
import { watched } from '../fixtures/watched.js'
import type { Watched } from '../fixtures/watched.js'

const [java, javac] = [peer('java'), peer('javac')]
const skip = javac.skip || java.skip
const ALGORITHMS: DigestAlgorithmName[] = ['SHA-256', 'MD5']
/** This way it judges Proxy-Authentication-Info, and takes nextnonce from it. */
const VALIDATE = ['-Dhttp.auth.digest.validateProxy=true']

const classes = t.testdir()
if (skip === false) {
  const source = fileURLToPath(new URL('../fixtures/clients/fetch-with-digest.java', import.meta.url))
  const { code, stderr } = await runProgram(t, javac.path, ['-d', classes, source])
  t.equal(code, 0, stderr)
}

/** Runs FetchWithDigest and returns its lines. MD5 has to be switched on again since Java 19. */
async function fetchAll (t: Test, { port }: Watched, flags: string[], times: number, urls: string[], password = 'alice-secret'): Promise<string[]> {
  const { stdout, stderr } = await runProgram(t, java.path, [
    '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Dhttp.auth.digest.reEnabledAlgorithms=MD5', ...flags, '-cp', classes, 'FetchWithDigest',
    String(port), 'alice', password, String(times), ...urls
  ])
  t.equal(stderr, '')
  return stdout.trimEnd().split('\n')
}

const answered = ({ sent }: Watched) => sent.flatMap(({ credentials }) => credentials === undefined ? [] : [paramsOf(credentials)])
/** What it says when it gives up. */
const ENOUGH = /407|redirected too many/
const times = (count: number, line: string) => Array.from({ length: count }, () => line)

for (const algorithm of ALGORITHMS) {
  t.test(`Java, ${algorithm}`, { skip }, async t => {
    t.test('finds rspauth right and follows nextnonce, each nonce once (R-PAI-9, R-DIG-50, R-DIG-52)', async t => {
      const around = await watched(t, { digest: { algorithms: [algorithm], oneTimeNonces: true } })
      const lines = await fetchAll(t, around, VALIDATE, 50, [`http://origin.test:${around.origin.port}/p?q=1`])
      t.same(lines, [...times(50, '200'), 'asked 1'])
      t.same([around.sent.length, around.refused, around.origin.seen.length], [51, [], 50])
      t.same(new Set(answered(around).map(({ nc }) => nc)), new Set(['00000001']))
      t.equal(new Set(answered(around).map(({ nonce }) => nonce)).size, 50)
    })

    t.test('refuses a wrong rspauth', async t => {
      const around = await watched(t, { digest: { algorithms: [algorithm] }, strategies: digest => [withWrongRspauth(digest)] })
      const lines = await fetchAll(t, around, VALIDATE, 1, [`http://origin.test:${around.origin.port}/`])
      t.match(lines[0], /digest invalid/i)
      t.same([around.refused, around.origin.seen.length], [[], 1])
    })

    t.test('goes on with one nonce, over absolute-form and CONNECT, with its plain name (R-DIG-25, R-DIG-39)', { skip: openssl.skip }, async t => {
      const around = await watched(t, { digest: { algorithms: [algorithm] } })
      const secure = await origin(t, undefined, certificate(t, 'secure.test'))
      const urls = [`http://origin.test:${around.origin.port}/p?q=1`, `https://secure.test:${secure.port}/`]
      t.same(await fetchAll(t, around, [], 20, urls), [...times(40, '200'), 'asked 1'])
      t.same(around.refused, [])
      t.same(new Set(around.sent.map(({ method }) => method)), new Set(['GET', 'CONNECT']))
      t.same(new Set(answered(around).map(({ username }) => username)), new Set(['alice']))
    })

    t.test('takes a one-time nonce with two requests where it does not read nextnonce, and its user is asked once (R-DIG-50)', async t => {
      const around = await watched(t, { digest: { algorithms: [algorithm], oneTimeNonces: true } })
      t.same(await fetchAll(t, around, [], 5, [`http://origin.test:${around.origin.port}/`]), [...times(5, '200'), 'asked 1'])
      t.same(around.refused, Array.from({ length: 4 }, () => ({ reason: 'nc', username: 'alice' })))
    })

    t.test('goes on after the end of a nonce without asking its user', async t => {
      const around = await watched(t, {
        digest: { algorithms: [algorithm] },
        answer (request, response) {
          if (request.url === '/last') around.age(1)
          response.end()
        }
      })
      const { origin: { port } } = around
      t.same(await fetchAll(t, around, [], 2, [`http://origin.test:${port}/`, `http://origin.test:${port}/last`]), [...times(4, '200'), 'asked 1'])
      t.same(around.refused, [{ reason: 'nonce', username: 'alice' }])
    })

    t.test('a wrong password ends', async t => {
      const around = await watched(t, { digest: { algorithms: [algorithm] } })
      const [line] = await fetchAll(t, around, [], 1, [`http://origin.test:${around.origin.port}/`], 'wrong')
      t.match(line, ENOUGH)
      t.same([new Set(around.refused.map(({ reason }) => reason)), around.origin.seen], [new Set(['response']), []])
      t.ok(around.refused.length <= 20, 'which takes it a while')
    })
  })
}

t.test('Java and MD5-sess: five requests are served with one prompt for the password (R-DIG-17)', { skip }, async t => {
  const around = await watched(t, { digest: { algorithms: ['MD5-sess'] } })
  t.same(await fetchAll(t, around, [], 5, [`http://origin.test:${around.origin.port}/`]), [...times(5, '200'), 'asked 1'])
  t.same(around.refused, [])
})

t.test('Java that is asked for auth-int alone: it responds as in RFC 2069, and is refused unless that is allowed (R-DIG-18, R-DIG-31)', { skip }, async t => {
  for (const rfc2069 of [false, true]) {
    const around = await watched(t, { digest: { qop: ['auth', 'auth-int'], rfc2069 } })
    const relay = await onlyAuthInt(t, around.port)
    const [line] = await fetchAll(t, { ...around, port: relay }, [], 1, [`http://origin.test:${around.origin.port}/`])
    t.notHas(answered(around)[0], { qop: String })
    if (rfc2069) t.equal(line, '200')
    else t.match(line, ENOUGH)
    t.same(new Set(around.refused.map(({ reason }) => reason)), new Set(rfc2069 ? [] : ['qop']))
  }
})

/** Puts a `success` in the way of every attempt that changes rspauth. */
function withWrongRspauth (strategy: DigestStrategy): DigestStrategy {
  const { authenticate } = strategy
  return Object.assign(strategy, {
    authenticate (this: DigestStrategy, ...args: Parameters<DigestStrategy['authenticate']>) {
      const { success } = this
      this.success = (user, info) => {
        const { proxyAuthenticationInfo: { rspauth, ...rest } } = info as { proxyAuthenticationInfo: Record<string, string> }
        success(user, { ...info as object, proxyAuthenticationInfo: { ...rest, rspauth: rspauth!.replace(/./g, '0') } })
      }
      authenticate.apply(this, args)
    }
  })
}
