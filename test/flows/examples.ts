import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { startExample } from '../fixtures/example.js'
import { slapd, startSlapd } from '../fixtures/foreign/slapd.js'
import { origin } from '../fixtures/origin.js'
import type { Example } from '../fixtures/example.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'

const curl = peer('curl')
const htpasswd = peer('htpasswd')
const skip = curl.skip

/** Runs a line as somebody who pastes it into a shell, and tells the status and the body of the answer. */
async function paste (t: Test, line: string): Promise<{ status: string, body: string }> {
  const measured = line.replaceAll(/\bcurl /g, `${curl.path} -q -sS --max-time 30 -w '\\n%{http_code} %{http_connect}' `)
  const { stdout, stderr } = await runProgram(t, '/bin/sh', ['-c', measured])
  const [, body = stderr, answered, tunnelled] = /^([^]*)\n(\d{3}) (\d{3})$/.exec(stdout) ?? []
  return { status: answered === '000' && tunnelled !== undefined ? tunnelled : String(answered), body }
}

/** The lines that the gateway prints: each under a comment that ends with the status it promises, or that of the line before. */
function promised (output: string): Array<{ line: string, status: string }> {
  let status = '200'
  return output.split('\n').flatMap(line => {
    const comment = /^ +# .*?(?:: (\d{3}))?$/.exec(line)
    if (comment !== null) status = comment[1] ?? '200'
    return /^ +curl /.test(line) ? [{ line: line.trim(), status }] : []
  })
}

async function pasteAll (t: Test, example: Example): Promise<void> {
  await example.said(/--proxy-digest.*\n\n|Bearer alice-token.*\n\n/)
  const lines = promised(example.output())
  t.ok(lines.length >= 6, `${lines.length} lines`)
  for (const { line, status } of lines) t.equal((await paste(t, line)).status, status, line)
}

for (const [name, env] of [['as it is', {}], ['every scheme that a password in a field is enough for', { SCHEMES: 'digest,basic,bearer' }]] as const) {
  t.test(`npm start, ${name}: each printed line does what it says`, { skip }, async t => {
    await pasteAll(t, await startExample(t, 'demo/gateway', env))
  })
}

const ipv6 = Object.values(networkInterfaces()).flat().some(at => at?.address === '::1')
t.test('npm start on an IPv6 address: each printed line does what it says', { skip: skip || (ipv6 ? false : 'no IPv6 on this machine') }, async t => {
  await pasteAll(t, await startExample(t, 'demo/gateway', { HOST: '::1' }))
})

t.test('npm start with TLS: each printed line does what it says', { skip: skip || openssl.skip }, async t => {
  const { certFile, keyFile } = certificate(t, 'gateway.test')
  await pasteAll(t, await startExample(t, 'demo/gateway', { TLS_CERT: certFile, TLS_KEY: keyFile }))
})

/** The lines to try that stand at the head of an example. */
async function linesOf (name: string, { port }: Example): Promise<string[]> {
  const text = await readFile(new URL(`../../examples/${name}.ts`, import.meta.url), 'utf8')
  return text.split('\n').flatMap(line => /^\/\/ +(curl .*)$/.exec(line)?.[1] ?? []).map(line => line.replaceAll(':8080', `:${port}`))
}

t.test('egress: what is not on the list is refused, to somebody with the password', { skip }, async t => {
  const example = await startExample(t, 'examples/egress')
  const [line] = await linesOf('egress', example)
  t.equal((await paste(t, line!.replace('registry.example.org', 'elsewhere.example.org'))).status, '403')
  t.equal((await paste(t, line!.replace('ci-secret', 'wrong'))).status, '407')
  t.match((await paste(t, line!.replace('registry.example.org', 'none.mirror.example.org'))).status, /502|504/, 'allowed, but there is no such host')
})

t.test('a reverse route beside @fastify/passport: each login opens its own door', { skip }, async t => {
  const example = await startExample(t, 'examples/reverse-beside-passport')
  const [me, api] = await linesOf('reverse-beside-passport', example)
  t.same(await paste(t, me!), { status: '200', body: '{"username":"alice"}' })
  t.match(await paste(t, api!), { status: '200', body: 'service: /' })
  t.equal((await paste(t, me!.replace('app-token', 'none'))).status, '401')
  t.equal((await paste(t, api!.replace('alice-secret', 'wrong'))).status, '407')
})

/** Runs the lines of an example one after the other in one shell, and tells what each wrote. */
async function pasteTogether (t: Test, lines: readonly string[]): Promise<string[]> {
  const script = lines.map(line => `${line.replaceAll(/\bcurl /g, `${curl.path} -q -sS --max-time 30 `)}; echo '---'`).join('\n')
  const { stdout } = await runProgram(t, '/bin/sh', ['-c', script])
  return stdout.split('---\n').slice(0, -1)
}

t.test('tokens beside sessions: a session gets a token, the token gets through, and neither does for the other', { skip }, async t => {
  const example = await startExample(t, 'examples/jwt-beside-sessions')
  const [login, token, api] = await linesOf('jwt-beside-sessions', example)
  const misused = [`${login!.replace('/login', '/api/')} -o /dev/null -w '%{http_code}'`, `curl -s -b jar http://127.0.0.1:${example.port}/api/ -o /dev/null -w '%{http_code}'`]
  const alone = `${api!.replace('/api/', '/token')} -o /dev/null -w '%{http_code}'`
  t.same(await pasteTogether(t, [login!, token!, api!, ...misused, alone]), ['{"username":"carol"}', '', 'service: no Authorization\n', '407', '407', '401'])
})

t.test('a directory: who is in it gets through, and is remembered when it is away', { skip: skip || slapd.skip }, async t => {
  const { url, bindDN, bindCredentials, searchBase, stop } = await startSlapd(t, { alice: 'alice-secret' })
  const { authority } = await origin(t)
  const example = await startExample(t, 'examples/ldap', {
    LDAP_URL: url, LDAP_BASE: searchBase, LDAP_BIND_DN: bindDN, LDAP_BIND_PASSWORD: bindCredentials, LDAP_FILTER: '(cn={{username}})', FORWARD_SPECIAL: authority
  })
  const [line] = (await linesOf('ldap', example)).map(text => text.replace('https://example.org', `http://${authority}`))
  t.same(await paste(t, line!), { status: '200', body: 'origin' })
  t.equal((await paste(t, line!.replace('alice-secret', 'wrong'))).status, '407')
  await stop()
  t.same(await paste(t, line!), { status: '200', body: 'origin' })
  t.equal((await paste(t, line!.replace('alice-secret', 'another'))).status, '503', 'nobody can tell')
})

t.test('an htpasswd file: the right password is accepted, a wrong one is refused', { skip: skip || htpasswd.skip }, async t => {
  const { authority } = await origin(t)
  const { stdout } = await runProgram(t, htpasswd.path, ['-nbB', 'alice', 'alice-secret'])
  const example = await startExample(t, 'examples/htpasswd', { USERS: `${t.testdir({ users: stdout })}/users`, FORWARD_SPECIAL: authority })
  const [line] = (await linesOf('htpasswd', example)).map(text => text.replace('https://example.org', `http://${authority}`))
  t.same(await paste(t, line!), { status: '200', body: 'origin' })
  t.equal((await paste(t, line!.replace('alice-secret', 'wrong'))).status, '407')
})

t.test('the hook inside @fastify/auth: one of two, and both', { skip }, async t => {
  const example = await startExample(t, 'examples/either')
  const [program, person, both] = await linesOf('either', example)
  t.same(await paste(t, program!), { status: '200', body: 'for ci\n' })
  t.same(await paste(t, person!), { status: '200', body: 'for a person\n' })
  t.same(await paste(t, both!), { status: '200', body: 'by ci\n' })
  t.equal((await paste(t, program!.replace('/report', '/deploy'))).status, '401')
  t.equal((await paste(t, person!.replace('/report', '/deploy'))).status, '407')
  t.equal((await paste(t, program!.replace('ci-secret', 'wrong'))).status, '407')
})
