// What `npm start` runs, with the schemes of offices and clouds, and the clients that people have.
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { git, gitBackend } from '../fixtures/git-backend.js'
import { NATIVE_TICKETS, inJava, java } from '../fixtures/java.js'
import { kdc } from '../fixtures/kdc.js'
import { kerberos } from '../fixtures/kerberos.js'
import { origin } from '../fixtures/origin.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'
import { startProgram } from '../fixtures/started-program.js'
import type { StartedProgram } from '../fixtures/started-program.js'
import { TARGET_SCHEMES } from '../fixtures/world.js'
import type { TargetScheme } from '../fixtures/world.js'

const curl = peer('curl')
const realm = kerberos.skip === false ? await kdc(t) : undefined
const TIME = 90_000
/** The word of `curl`, of git, and of the variable. */
type Name = 'ntlm' | 'negotiate'

/** Who a client is: what it is told of him, and what its environment knows. */
interface User { readonly login: string, readonly env: Record<string, string> }

const USERS: Record<Name, (is: 'right' | 'wrong') => User> = {
  ntlm: is => ({ login: `alice:${is === 'right' ? 'alice-secret' : 'wrong'}`, env: {} }),
  negotiate: is => ({ login: ':', env: { KRB5_CONFIG: realm!.env['KRB5_CONFIG']!, KRB5CCNAME: realm!.cache(is === 'right' ? 'alice' : null) } })
}

/** The example, and an origin with a repository that it knows as `origin.test`. */
async function start (t: Test, name: Name, scheme: TargetScheme) {
  const ca = scheme === 'https' ? certificate(t, 'origin.test') : undefined
  const target = await origin(t, gitBackend(t), ca)
  const example = await startProgram(t, 'demo/gateway.ts', {
    ...name === 'negotiate' && realm!.env, SCHEMES: name, HOSTS: 'origin.test=127.0.0.1', FORWARD_SPECIAL: 'origin.test:*'
  })
  return { ca, target, example, url: `${scheme}://origin.test:${target.port}/repository.git`, proxy: `localhost:${example.port}` }
}

const knows = async ({ said }: StartedProgram) => await said(/"proxy":\{[^}]*"user":"alice"/)

for (const name of ['ntlm', 'negotiate'] as const) {
  for (const scheme of TARGET_SCHEMES) {
    const skip = (name === 'negotiate' && kerberos.skip) || (scheme === 'https' && openssl.skip) || curl.skip || git.skip
    t.test(`SCHEMES=${name}, ${scheme === 'https' ? 'CONNECT' : 'absolute-form'}: curl, git and Java get through, and nobody else`, { skip, timeout: 4 * TIME }, async t => {
      const { ca, target, example, url, proxy } = await start(t, name, scheme)
      const user = USERS[name]
      const runCurl = async ({ login, env }: User) => (await runProgram(t, curl.path, [
        '-q', '-sS', '--max-time', '80', '-o', '/dev/null', '-w', '%{http_connect} %{http_code}', ...ca === undefined ? [] : ['--cacert', ca.certFile],
        '-x', `http://${proxy}`, `--proxy-${name}`, '-U', login, `${url}/info/refs?service=git-upload-pack`
      ], env, TIME)).stdout
      const runGit = async ({ login, env }: User) => (await runProgram(t, git.path, [
        '-c', `http.proxy=http://${login}@${proxy}`, '-c', `http.proxyAuthMethod=${name}`, ...ca === undefined ? [] : ['-c', `http.sslCAInfo=${ca.certFile}`],
        'ls-remote', url
      ], { ...env, GIT_TERMINAL_PROMPT: '0' }, TIME)).stdout

      t.equal(await runCurl(user('wrong')), scheme === 'https' ? '407 000' : '000 407')
      t.equal(await runGit(user('wrong')), '')
      t.equal(target.connections, 0)
      t.equal(await runCurl(user('right')), scheme === 'https' ? '200 200' : '000 200')
      await knows(example)
      t.match(await runGit(user('right')), /^[0-9a-f]{40}\tHEAD$/m)
      for (const { headers } of target.seen) t.notOk('proxy-authorization' in headers)

      if (scheme === 'http') {
        const lines = [...example.output().matchAll(new RegExp(`^ +curl (.* --proxy-${name} .*)$`, 'gm'))].map(([, line]) => line!)
        t.equal(lines.length, 2)
        for (const line of lines) {
          const { stdout } = await runProgram(t, '/bin/sh', ['-c', `'${curl.path}' -q -sS -o /dev/null -w '%{http_code}' ${line}`], user('right').env, TIME)
          t.equal(stdout, '200', `it prints ${line}`)
        }
      }

      await t.test('Java', { skip: java.skip, timeout: TIME }, async t => {
        const { login, env } = user('right')
        const [username = '', password = ''] = login.split(':')
        const fetch = { port: example.port, username, password, url: `${url}/HEAD` }
        t.same(await inJava(t, 'HttpURLConnection', [fetch], { ca, settings: name === 'negotiate' ? NATIVE_TICKETS : [], env, time: TIME }), ['200'])
      })
    })
  }
}
