import t from 'tap'
import { Aws4Strategy, MemoryStore } from '../../../../lib/index.js'
import type { Aws4Options } from '../../../../lib/index.js'
import type { ParentAws4Credentials } from '../../../../lib/policy/parent/credentials.js'
import { Aws4Login } from '../../../../lib/proxy/parent/login/aws4.js'
import type { LoginFields, LoginRequest } from '../../../../lib/proxy/parent/login/login.js'
import { parseAws4Credentials } from '../../../../lib/schemes/aws4/credentials.js'
import { gateway } from '../../../fixtures/gateway.js'
import { origin } from '../../../fixtures/origin.js'
import { askFor, credentialsOf, logIn } from '../../../fixtures/parent-login.js'
import { RawClient } from '../../../fixtures/raw-client.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'
import type { Test } from 'tap'

const CREDENTIALS: ParentAws4Credentials = { scheme: 'AWS4', accessKeyId: 'AKID', secretAccessKey: 'secret', region: 'local', service: 'proxy' }
const login = (more: Partial<ParentAws4Credentials> = {}, clock: () => number = Date.now) => new Aws4Login({ ...CREDENTIALS, ...more }, clock)
const first = (account: Aws4Login, more?: Partial<LoginRequest>) => account.attempt(askFor(more)).first() as LoginFields

async function parent (t: Test, options: Partial<Aws4Options> = {}): Promise<number> {
  const lookup: Aws4Options['lookup'] = (id, token) => id === 'AKID' && (token ?? 'token') === 'token' ? { secret: 'secret' } : null
  return (await gateway(t, { strategies: [new Aws4Strategy({ lookup, region: 'local', service: 'proxy', store: new MemoryStore(), ...options })] })).port
}

t.test('a request: is signed unasked, and a 407 to it is final', async t => {
  const account = login({}, () => Date.UTC(2026, 0, 2, 3, 4, 5, 600))
  const attempt = account.attempt(askFor())
  const fields = await attempt.first()
  t.match(fields, { 'x-amz-date': '20260102T030405Z' })
  t.match(parseAws4Credentials(credentialsOf(fields)!), { accessKeyId: 'AKID', day: '20260102', signedHeaders: ['host', 'x-amz-date'] })
  t.equal(await attempt.next(['AWS4-HMAC-SHA256']), null)
  t.match([account, attempt], [{ scheme: 'AWS4-HMAC-SHA256', account: /^AKID#\d+$/, bindsConnection: false, ready: true }, { ready: true }])
})

t.test('two requests of one second that are the same: have different signatures', async t => {
  let now = 1_000_000
  const account = login({}, () => now)
  const sent = [first(account), first(account), first(account), first(account, { uri: 'other.test:443', authority: 'other.test:443' })]
  t.strictSame(sent.map(fields => 'amz-sdk-invocation-id' in fields), [false, true, true, false])
  t.equal(new Set(sent.map(credentialsOf)).size, 4)
  now += 1000
  t.notOk('amz-sdk-invocation-id' in first(account), 'the next second has another date')
})

t.test('very many requests in one second: no more signatures are remembered, and each has the field that makes it another', async t => {
  let now = 1_000_000
  const account = login({}, () => now)
  for (let i = 0; i < 10_000; i++) if ('amz-sdk-invocation-id' in first(account, { method: `M${i}`, uri: 'http://origin.test/', authority: 'origin.test' })) t.fail(`request ${i}`)
  t.ok('amz-sdk-invocation-id' in first(account, { method: 'LAST', uri: 'http://origin.test/', authority: 'origin.test' }))
  now += 1000
  t.notOk('amz-sdk-invocation-id' in first(account), 'they are forgotten with their second')
})

t.test('content: is left out of the signature', async t => {
  t.match(first(login(), { method: 'POST', uri: 'http://origin.test/', authority: 'origin.test', content: true }), { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })
})

t.test('a host that is not that of the target: cannot be signed', async t => {
  t.throws(() => first(login(), { method: 'GET', uri: 'http://origin.test/', authority: 'other.test' }), { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS' })
})

t.test('tunnels and requests at a gateway of ours that remembers signatures: all are taken, the same ones too', async t => {
  const { authority } = await tcpOrigin(t)
  const target = await origin(t)
  const port = await parent(t)
  for (const account of [login(), login({ sessionToken: 'token' })]) {
    const requests = [askFor({ uri: authority, authority }), askFor({ method: 'GET', uri: `${target.url}/a%20b?c=d`, authority: target.authority })]
    const answers = await Promise.all([...requests, ...requests, ...requests].map(async each => await logIn(await RawClient.to(t, port), account, each)))
    t.strictSame(answers.map(({ status, sent }) => [status, sent.length]), answers.map(() => [200, 1]))
  }
  t.equal(target.seen.length, 6)
})

t.test('a wrong secret or session token at a gateway of ours: is refused', async t => {
  const { authority } = await tcpOrigin(t)
  const port = await parent(t)
  for (const wrong of [{ secretAccessKey: 'wrong' }, { sessionToken: 'wrong' }, { region: 'elsewhere' }]) {
    t.match(await logIn(await RawClient.to(t, port), login(wrong), askFor({ uri: authority, authority })), { status: 407, sent: { length: 1 } })
  }
})

t.test('a parent that takes content without its hash: gets it', async t => {
  const target = await origin(t, (_request, response, body) => response.end(body))
  const port = await parent(t, { unsignedPayload: true })
  const fields = first(login(), { method: 'POST', uri: target.url + '/', authority: target.authority, content: true })
  const client = await RawClient.to(t, port)
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  client.send(`POST ${target.url}/ HTTP/1.1\r\nHost: ${target.authority}\r\nContent-Length: 5\r\n${lines}\r\nhello`)
  t.match(await client.answer(), /^HTTP\/1.1 200 .*hello$/s)
})
