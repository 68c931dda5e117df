// The examples of a forward proxy, each in a process of its own, by what its comments say to paste.
import { once } from 'node:events'
import { utimesSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readEnvironment } from '../../demo/environment.js'
import { linesToPaste } from '../../demo/lines-to-paste.js'
import { strategiesFor } from '../../demo/strategies.js'
import { Aws4Strategy } from '../../lib/index.js'
import { openssl } from '../fixtures/certificate.js'
import { shellLines, startExample } from '../fixtures/example.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { ownProgram } from '../fixtures/own-program.js'
import { curl, paste } from '../fixtures/paste.js'
import { peer } from '../fixtures/peers.js'
import { redis, startRedis } from '../fixtures/redis.js'
import { runProgram } from '../fixtures/run-program.js'

const { skip } = curl
const htpasswd = peer('htpasswd')
const GOOD = { status: '200', body: 'origin' }
const anotherKey = new Aws4Strategy({ region: 'local', service: 'proxy', lookup: () => ({ secret: 'another' }) })
/** The same through a tunnel. */
const tunnelled = (line: string) => line.replace('curl ', 'curl -p ')

t.test('minimal.mjs, every form of request: the account is asked for, and a loopback address is no target', { skip }, async t => {
  const { lines: [api, line] } = await startExample(t, 'minimal', { target: 'http://127.0.0.1' })
  t.same(await paste(t, api!), { status: '200', body: 'hello from the service\n' })
  t.equal((await paste(t, api!.replace('alice-secret', 'wrong'))).status, '407')
  for (const each of [line!, tunnelled(line!)]) {
    t.equal((await paste(t, each.replace('alice:alice-secret@', ''))).status, '407')
    t.equal((await paste(t, each.replace('alice-secret', 'wrong'))).status, '407')
    t.equal((await paste(t, each)).status, '403')
  }
})

t.test('egress.mjs: a target on the list is reached, another is refused to the same user', { skip }, async t => {
  const [allowed, other] = [await origin(t), await origin(t)]
  const env = { ALLOW: allowed.authority, SPECIAL: `${allowed.authority},${other.authority}` }
  const { lines: [line] } = await startExample(t, 'egress', { env, target: allowed.url })
  for (const each of [line!, tunnelled(line!)]) {
    t.same(await paste(t, each), GOOD)
    t.equal((await paste(t, each.replace('ci-secret', 'wrong'))).status, '407')
    t.equal((await paste(t, each.replace(allowed.url, other.url))).status, '403')
  }
  t.equal(other.connections, 0)
})

t.test('chain.mjs, in both forms: the branch knows its users, the edge knows the branch, and the target neither', { skip }, async t => {
  const target = await origin(t)
  const { lines, port: edge, said, output } = await startExample(t, 'chain', { env: { SPECIAL: target.authority }, target: target.url })
  const [, branch] = await said(/"name":"branch".*listening at http:\/\/127\.0\.0\.1:(\d+)/)
  const line = lines[0]!.replace(`:${edge}`, `:${branch}`)
  for (const each of [line, tunnelled(line)]) {
    t.same(await paste(t, each), GOOD)
    t.equal((await paste(t, each.replace('alice-secret', 'wrong'))).status, '407')
    t.equal((await paste(t, each.replace('alice:alice-secret', 'branch:branch-secret'))).status, '407')
  }
  for (const method of ['GET', 'CONNECT']) {
    await said(new RegExp(`"name":"branch".*"proxy":\\{[^}]*"user":"alice","scheme":"Basic",[^}]*"method":"${method}"`))
    await said(new RegExp(`"name":"edge".*"proxy":\\{[^}]*"user":"branch","scheme":"Digest",[^}]*"method":"${method}"`))
  }
  t.equal(target.seen.length, 2)
  for (const { headers } of target.seen) t.equal(headers['proxy-authorization'], undefined)
  t.notMatch(output(), /branch-secret|alice-secret/)
})

t.test('digest-htdigest.mjs, the file that its comment makes: the right password is accepted, a wrong one is refused', { skip }, async t => {
  const target = await origin(t)
  const folder = t.testdir()
  await paste(t, shellLines('digest-htdigest').before, folder)
  const { lines: [line], said } = await startExample(t, 'digest-htdigest', { env: { SPECIAL: target.authority }, target: target.url, folder })
  t.same(await paste(t, line!), GOOD)
  await said(/"proxy":\{[^}]*"user":"alice","scheme":"Digest"/)
  t.equal((await paste(t, line!.replace('alice-secret', 'wrong'))).status, '407')
  t.equal((await paste(t, line!.replace('alice:alice-secret', 'bob:bob-secret'))).status, '407')
})

t.test('htpasswd.mjs: a user who was taken out of the file is remembered until SIGHUP', { skip: skip || htpasswd.skip }, async t => {
  const target = await origin(t)
  const { stdout } = await runProgram(t, htpasswd.path, ['-nbB', 'alice', 'alice-secret'])
  const folder = t.testdir({ users: stdout })
  const { lines: [line], pid, said } = await startExample(t, 'htpasswd', { env: { SPECIAL: target.authority }, target: target.url, folder })
  t.equal((await paste(t, line!.replace('alice-secret', 'wrong'))).status, '407')
  t.same(await paste(t, line!), GOOD)
  writeFileSync(`${folder}/users`, '')
  const before = new Date(Date.now() - 1000)
  utimesSync(`${folder}/users`, before, before) // what is newer may be half written
  t.same(await paste(t, line!), GOOD)
  process.kill(pid, 'SIGHUP')
  await said(/no verdict is remembered/)
  t.equal((await paste(t, line!)).status, '407')
})

t.test('tls-http2.mjs, the certificate that its comment makes: HTTP/1.1 and HTTP/2 are served', { skip: skip || openssl.skip }, async t => {
  const target = await origin(t)
  const folder = t.testdir()
  await paste(t, shellLines('tls-http2').before, folder)
  const { lines: [line], port } = await startExample(t, 'tls-http2', { env: { SPECIAL: target.authority }, target: target.url, folder })
  t.same(await paste(t, line!, folder), GOOD)
  t.equal((await paste(t, line!.replace('alice-secret', 'wrong'), folder)).status, '407')
  const client = await Http2Client.to(t, `https://127.0.0.1:${port}`)
  const request = { ':scheme': 'http', ':authority': target.authority }
  t.match(await client.ask(request), { status: 407 })
  t.match(await client.ask({ ...request, 'proxy-authorization': ALICE }), { status: 200, body: 'origin' })
  const tunnel = await client.tunnel(target.authority, ALICE)
  tunnel.end('GET / HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n')
  const [chunk] = await once(tunnel, 'data') as [Buffer]
  t.match(String(chunk), /^HTTP\/1\.1 200 /)
})

t.test('attempts-redis.mjs, two processes: wrong passwords in one count in the other', { skip: skip || redis.skip }, async t => {
  const target = await origin(t)
  const { port } = await startRedis(t)
  const options = { env: { SPECIAL: target.authority, REDIS_URL: `redis://127.0.0.1:${port}`, ATTEMPTS_KEY: 'k'.repeat(32) }, target: target.url }
  const [one, other] = await Promise.all([startExample(t, 'attempts-redis', options), startExample(t, 'attempts-redis', options)])
  // A process counts alone where its first question to Redis takes too long, as it may where the machine does much else. Of another user:
  for (const { lines, output } of [one, other]) {
    const line = lines[0]!.replace('alice:wrong$i', 'bob:wrong').replace('1 2 3 4', '1')
    const isAlone = () => output().lastIndexOf('Redis does not answer') > output().lastIndexOf('Redis answers again')
    do t.equal((await paste(t, line)).status, '407')
    while (isAlone())
  }
  const right = (line: string) => line.replace('wrong$i', 'alice-secret').replace('1 2 3 4', '1')
  t.equal((await paste(t, right(one.lines[0]!))).status, '200')
  const guessed = await paste(t, one.lines[0]!)
  t.equal(guessed.status, '429')
  t.equal(guessed.body.match(/HTTP\/1\.1 407 /g)?.length, 3)
  t.match(guessed.body, /^Retry-After: \d+\r$/im)
  t.equal((await paste(t, other.lines[0]!.replace('1 2 3 4', '5'))).status, '429')
  t.equal((await paste(t, right(one.lines[0]!))).status, '200', 'known there')
  t.equal((await paste(t, right(other.lines[0]!))).status, '429')
})

t.test('aws4-client.mjs, started as the demo says: it is let through with the key of the demo, not with another', async t => {
  const target = await origin(t)
  for (const [strategies, status] of [[strategiesFor(readEnvironment({ SCHEMES: 'aws4' })), 200], [[anotherKey], 407]] as const) {
    const { url } = await gateway(t, { strategies })
    const printed = linesToPaste(new URL(url), target.url, ['aws4'])
    const [, path, ...args] = /^ +npx tsx (examples\/\S+) (\S+) (\S+)$/m.exec(printed)!
    const { execArgv, file } = ownProgram(new URL(`../../${path}`, import.meta.url))
    const env = { TSX_TSCONFIG_PATH: fileURLToPath(new URL('../../tsconfig.json', import.meta.url)) }
    const { stdout, stderr } = await runProgram(t, process.execPath, [...execArgv, file, ...args], env)
    t.same(stdout.trim().split('\n').sort(), [`CONNECT: ${status}`, `absolute-form: ${status}`], stderr)
  }
  t.match(target.seen, [{ method: 'POST', url: '/hello' }])
})
