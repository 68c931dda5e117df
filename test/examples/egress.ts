// The examples of an egress proxy for programs, by what their comments say to paste.
import t from 'tap'
import { startExample } from '../fixtures/example.js'
import { parseMetrics } from '../fixtures/metrics.js'
import { origin } from '../fixtures/origin.js'
import { curl, paste } from '../fixtures/paste.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'

const { skip } = curl
const htpasswd = peer('htpasswd')
const GOOD = { status: '200', body: 'origin' }
/** The same through a tunnel. */
const tunnelled = (line: string) => line.replace('curl ', 'curl -p ')

t.test('build-farm.mjs: a registry on the list is reached, another host is not, and guesses are slowed down', { skip: skip || htpasswd.skip }, async t => {
  const [registry, other] = [await origin(t), await origin(t)]
  const { stdout } = await runProgram(t, htpasswd.path, ['-nbB', 'ci', 'ci-secret'])
  const folder = t.testdir({ users: stdout })
  const env = { ALLOW: registry.authority, SPECIAL: `${registry.authority},${other.authority}` }
  const { lines: [line] } = await startExample(t, 'build-farm', { env, target: registry.url, folder })
  for (const each of [line!, tunnelled(line!)]) {
    t.same(await paste(t, each), GOOD)
    t.equal((await paste(t, each.replace(registry.url, other.url))).status, '403')
    t.equal((await paste(t, each.replace('ci-secret', 'wrong'))).status, '407')
  }
  const guesses = Array.from({ length: 10 }, (_, index) => `guess-${index}`)
  for (const guess of guesses) await paste(t, line!.replace('ci-secret', guess))
  t.equal((await paste(t, line!.replace('ci-secret', 'another'))).status, '429')
  t.same(await paste(t, line!), GOOD, 'its password was right lately')
  t.equal(other.connections, 0)
})

t.test('ai-agents.mjs: an agent reaches its own hosts, and no other', { skip }, async t => {
  const target = await origin(t)
  const env = { MODEL_URL: target.url, MODEL_KEY: 'the-real-key', WRITER_HOSTS: '127.0.0.1', SPECIAL: target.authority }
  const { lines: [line] } = await startExample(t, 'ai-agents', { env, target: target.url })
  for (const each of [line!, tunnelled(line!)]) {
    t.same(await paste(t, each), GOOD)
    t.equal((await paste(t, each.replace('writer-secret', 'wrong'))).status, '407')
    t.equal((await paste(t, each.replaceAll('writer', 'tester'))).status, '403')
  }
  t.equal(target.seen.length, 2)
  for (const { headers } of target.seen) t.match(headers, { authorization: undefined, 'proxy-authorization': undefined })
})

t.test('ai-agents.mjs: the API gets the real key in place of what the agent sends, from agents that may use it', { skip }, async t => {
  const api = await origin(t)
  const env = { MODEL_URL: api.url, MODEL_KEY: 'the-real-key' }
  const { lines: [, line], output } = await startExample(t, 'ai-agents', { env })
  t.same(await paste(t, line!), GOOD)
  t.same(await paste(t, line!.replace('-H', "-H 'Authorization: Bearer none' -H")), GOOD)
  t.equal((await paste(t, line!.replaceAll('writer', 'tester'))).status, '403')
  t.equal((await paste(t, line!.replace('writer-secret', 'wrong'))).status, '407')
  t.equal(api.seen.length, 2)
  for (const { url, headers } of api.seen) {
    t.equal(url, '/v1/models')
    t.match(headers, { authorization: 'Bearer the-real-key', 'proxy-authorization': undefined })
  }
  t.notMatch(output(), /the-real-key/)
})

t.test('metrics.mjs: what went through is in the metrics, which only the token opens', { skip }, async t => {
  const target = await origin(t)
  const { lines: [line, scrape] } = await startExample(t, 'metrics', { env: { SPECIAL: target.authority }, target: target.url })
  t.same(await paste(t, line!), GOOD)
  t.same(await paste(t, tunnelled(line!)), GOOD)
  const { status, body } = await paste(t, scrape!)
  t.equal(status, '200')
  t.equal(parseMetrics(body).get('proxy_auth_user_exchanges_total')!.samples[0]!.value, 2)
  t.equal((await paste(t, scrape!.replace('metrics-token', 'wrong'))).status, '401')
})
