// The metrics of a gateway, as Prometheus reads them, over sockets in all forms.
import { spawnSync } from 'node:child_process'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy } from '../../lib/index.js'
import { ALICE, BOB, basic, gateway } from '../fixtures/gateway.js'
import { allForms, fieldsOf } from '../fixtures/all-forms.js'
import { connectHead } from '../fixtures/connect-head.js'
import { covering, Covering } from '../fixtures/covering.js'
import { message } from '../fixtures/forms.js'
import { LegsStrategy, leg } from '../fixtures/legs.js'
import { metricsOf } from '../fixtures/metrics.js'
import type { Reading } from '../fixtures/metrics.js'
import { peer } from '../fixtures/peers.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'

/** A gateway of all forms with its metrics. */
async function measured (t: Test, options: Parameters<typeof allForms>[1] = {}, of: Parameters<typeof metricsOf>[1] = {}) {
  let metrics!: Reading
  const gate = await allForms(t, { ...options, after: async app => { metrics = await metricsOf(app, of) } })
  return { gate, metrics }
}

const basicOf = (name: string) => `Basic ${Buffer.from(`${name}:secret`).toString('base64')}`
const anyName = () => new BasicStrategy({ verify: ({ username, password }) => password === 'secret' ? { username } : null })

t.test('exchanges in each form: they are counted by form, status and reason, with their octets and times', async t => {
  const { gate, metrics } = await measured(t)
  await gate.exchanges()
  t.strictSame(await metrics.all('proxy_auth_exchanges_total'), {
    'form=connect status=2xx reason=none': 1,
    'form=http status=2xx reason=none': 1,
    'form=https status=5xx reason=FST_PROXY_AUTH_TLS': 1,
    'form=reverse status=2xx reason=none': 1,
    'form=websocket status=1xx reason=none': 2
  })
  const bytes = await metrics.all('proxy_auth_bytes_total')
  t.match(bytes, { 'direction=in form=connect': 4, 'direction=out form=connect': 4, 'direction=out form=http': 6, 'direction=out form=reverse': 6, 'direction=out form=https': 0 })
  t.ok(bytes['direction=in form=websocket']! > 8)
  for (const form of ['connect', 'http', 'reverse', 'websocket']) {
    const times = form === 'websocket' ? 2 : 1
    t.equal(await metrics.value('proxy_auth_dial_duration_seconds_count', { form }), times, form)
    t.equal(await metrics.value('proxy_auth_exchange_duration_seconds_count', { form, scheme: 'Basic' }), times, form)
  }
  t.equal(await metrics.value('proxy_auth_grants_total', { scheme: 'Basic' }), 6)
  t.equal(await metrics.value('proxy_auth_verdict_duration_seconds_count', { scheme: 'Basic', verdict: 'granted' }), 6)
  t.ok((await metrics.value('proxy_auth_verdict_duration_seconds_sum', { scheme: 'Basic', verdict: 'granted' }))! < 6, 'seconds')
  t.equal((await metrics.families()).has('proxy_auth_user_bytes_total'), false, 'no user is named unless that is wanted')
})

t.test('no credentials, wrong ones, of a scheme that is none, a denied target: challenges, refusals and denials are counted', async t => {
  const { gate, metrics } = await measured(t, { forward: { special: ['127.0.0.1:*'], deny: ['denied.test'], check: ({ host }: { host: string }) => host !== 'checked.test' } as never })
  await gate.ask(message('absolute-form', gate.web, ['Connection: close']))
  for (const credentials of [basicOf('alice'), 'Invented x', 'Invented-"} 1\\nx="y', 'Basic !']) await gate.ask(message('absolute-form', gate.web, fieldsOf(credentials)))
  for (const host of ['denied.test', 'checked.test', '127.0.0.1:1', '[::1]']) await gate.ask(message('absolute-form', host, fieldsOf(ALICE)))
  await until(() => gate.proxied().length === 4)
  t.strictSame(await metrics.all('proxy_auth_challenges_total'), { 'reason=missing': 1 })
  t.strictSame(await metrics.all('proxy_auth_refusals_total'), { 'reason=rejected scheme=Basic': 1, 'reason=not offered scheme=none': 2, 'reason=malformed scheme=Basic': 1 })
  t.strictSame(await metrics.all('proxy_auth_denials_total'), { 'form=http reason=deny list': 1, 'form=http reason=code': 1, 'form=http reason=special address': 1 })
  t.strictSame(await metrics.all('proxy_auth_exchanges_total'), { 'form=http status=5xx reason=FST_PROXY_AUTH_CONNECTION_REFUSED': 1 })
  for (const verdict of ['challenged', 'refused']) t.ok(await metrics.value('proxy_auth_verdict_duration_seconds_count', { scheme: 'none', verdict }))
})

t.test('a tunnel that stands: it is in the gauge, its octets are counted while it moves them, and once', async t => {
  const { gate, metrics } = await measured(t, {}, { users: true })
  const client = await gate.tunnel()
  const bytes = async () => [
    await metrics.value('proxy_auth_bytes_total', { direction: 'in', form: 'connect' }),
    await metrics.value('proxy_auth_user_bytes_total', { direction: 'in', user: 'alice' })
  ]
  t.strictSame(await bytes(), [4, 4])
  t.equal(await metrics.value('proxy_auth_tunnels'), 1)
  t.equal(await metrics.value('proxy_auth_requests'), 0)
  client.send('pong')
  await client.until(text => text.endsWith('pong'))
  t.strictSame(await bytes(), [8, 8])
  client.socket.end()
  await until(() => gate.proxied().length === 1)
  t.strictSame(await bytes(), [8, 8])
  t.equal(await metrics.value('proxy_auth_tunnels'), 0)
})

t.test('a request whose response is through before its content: its octets are counted once', async t => {
  const early = await origin(t)
  early.server.removeAllListeners('request')
  early.server.on('request', (_request, response) => { response.writeHead(200, { 'Content-Length': 2 }).end('ok') })
  const { gate, metrics } = await measured(t)
  const client = await RawClient.to(t, gate.port)
  client.send(message('absolute-form', early.authority, [`Proxy-Authorization: ${ALICE}`, 'Content-Length: 8'], { method: 'POST', body: 'half' }))
  await until(() => gate.proxied().length === 1)
  const bytes = () => metrics.all('proxy_auth_bytes_total')
  t.match(await bytes(), { 'direction=in form=http': 4, 'direction=out form=http': 2 })
  t.strictSame(gate.app.proxyAuthUsage().map(({ user, requests, bytesIn, bytesOut }) => ({ user, requests, bytesIn, bytesOut })), [{ user: 'alice', requests: 0, bytesIn: 4, bytesOut: 2 }])
  t.equal(await metrics.value('proxy_auth_requests'), 0)
  client.socket.destroy()
})

t.test('users: those who were accepted are counted by name, up to a cap, and never one that was only claimed', async t => {
  const { gate, metrics } = await measured(t, { strategies: [anyName()], forward: { special: ['127.0.0.1:*'], deny: ['denied.test'] } }, { users: { max: 2 } })
  await gate.ask(message('absolute-form', gate.web, fieldsOf(`Basic ${Buffer.from('mallory:wrong').toString('base64')}`)))
  for (const name of ['alice', 'bob', 'carol', 'dave', 'alice']) await gate.ask(message('absolute-form', gate.web, fieldsOf(basicOf(name))))
  for (const name of ['alice', 'carol']) await gate.ask(message('absolute-form', 'denied.test', fieldsOf(basicOf(name))))
  const client = await gate.tunnel(basicOf('erin'))
  t.strictSame(await metrics.all('proxy_auth_user_exchanges_total'), { 'user=alice': 2, 'user=bob': 1, 'user=other': 2 })
  t.strictSame(await metrics.all('proxy_auth_user_denials_total'), { 'user=alice': 1, 'user=other': 1 })
  t.match(await metrics.all('proxy_auth_user_bytes_total'), { 'direction=out user=alice': 12, 'direction=out user=bob': 6, 'direction=out user=other': 16, 'direction=in user=other': 4 })
  t.notMatch(await metrics.register.metrics(), /mallory|carol|dave|erin/)
  client.socket.destroy()
})

t.test('names of users with any character: each is one value of a label, and no line is added', async t => {
  const { gate, metrics } = await measured(t, { strategies: [anyName()] }, { users: true })
  const names = ['a"b', 'a\\', 'a\\n', "'; DROP", 'x"} 1\\', '{user="bob"}', 'ünï-😀', '\u202eevil', 'a,b', 'user:bob,', '__proto__', '# HELP x', ' ', 'other']
  for (const name of names) await gate.ask(message('absolute-form', gate.web, fieldsOf(basicOf(name.replace(':', '')))))
  const { samples } = (await metrics.families()).get('proxy_auth_user_exchanges_total')!
  t.strictSame(samples.map(({ labels }) => labels), names.map(name => ({ user: name.replace(':', '') })))
  t.ok(samples.every(({ value }) => value === 1))
})

t.test('a user name of text with line ends, or too long: it is one value of a label, or counted with the others', async t => {
  const names = ['a\nproxy_auth_tunnels 99', 'a\r\nb', 'a\u2028b', 'x'.repeat(128), 'x'.repeat(129)]
  const { gate, metrics } = await measured(t, {
    strategies: [new BasicStrategy({ verify: ({ username: index }) => ({ username: names[Number(index)]! }) })]
  }, { users: true })
  for (const index of names.keys()) await gate.ask(message('absolute-form', gate.web, fieldsOf(basicOf(String(index)))))
  const { samples } = (await metrics.families()).get('proxy_auth_user_exchanges_total')!
  t.strictSame(samples.map(({ labels: { user } }) => user), [...names.slice(0, 4), 'other'])
  t.equal(await metrics.value('proxy_auth_tunnels'), 0)
})

t.test('handshakes, kept content, remembered verdicts: the gauges tell of them', async t => {
  const target = await origin(t)
  let metrics!: Reading
  const { port } = await gateway(t, {
    strategies: [new LegsStrategy(), new Covering(), { strategy: basic(), cache: true }],
    connectionBound: true,
    reverse: [{ prefix: '/api', upstream: target.url }],
    after: async app => { metrics = await metricsOf(app) }
  })
  const client = await RawClient.to(t, port)
  await client.send(connectHead(target.authority, `Proxy-Authorization: ${leg('1')}`)).answer()
  t.equal(await metrics.value('proxy_auth_handshakes'), 1)
  t.strictSame(await metrics.all('proxy_auth_challenges_total'), { 'reason=continued': 1 })
  const sending = await RawClient.to(t, port)
  sending.send(message('absolute-form', target.authority, [`Proxy-Authorization: ${covering('content')}`, 'Content-Length: 7'], { method: 'POST', body: 'cont' }))
  await until(async () => await metrics.value('proxy_auth_kept_content_bytes') === 4)
  sending.send('ent')
  await sending.answer()
  await until(async () => await metrics.value('proxy_auth_kept_content_bytes') === 0)
  for (const credentials of [ALICE, BOB, basicOf('alice')]) await (await RawClient.to(t, port)).send(message('origin-form', '', fieldsOf(credentials))).end()
  t.strictSame(await metrics.all('proxy_auth_remembered_verdicts'), { 'verdict=granted': 2, 'verdict=refused': 1 })
})

t.test('a strategy that takes its time: those it is asked about and those that wait are told', async t => {
  const waiting: Array<(user: object) => void> = []
  const slow = new BasicStrategy({ verify: async () => await new Promise<object>(resolve => { waiting.push(resolve) }) })
  const { gate, metrics } = await measured(t, { strategies: [slow], verifiers: { concurrency: 1 } })
  const asked = [ALICE, BOB].map(credentials => gate.ask(message('absolute-form', gate.web, fieldsOf(credentials))))
  await until(async () => await metrics.value('proxy_auth_verifiers_waiting') === 1)
  t.equal(await metrics.value('proxy_auth_verifiers_running'), 1)
  for (let i = 0; i < asked.length; i++) {
    await until(() => waiting.length > 0)
    waiting.pop()!({ username: 'alice' })
  }
  await Promise.all(asked)
  t.equal(await metrics.value('proxy_auth_verifiers_running'), 0)
})

t.test('a parent that fails: it is counted by name, and the gauge tells until it works', async t => {
  const target = await origin(t)
  const { gate, metrics } = await measured(t, {
    forward: { special: ['127.0.0.1:*'], parents: [{ url: 'http://127.0.0.1:1', name: 'corp' }, 'direct'] }
  })
  await gate.ask(message('absolute-form', target.authority, fieldsOf(ALICE)))
  await gate.ask(message('absolute-form', target.authority, fieldsOf(ALICE)))
  t.strictSame(await metrics.all('proxy_auth_parent_failures_total'), { 'parent=corp': 1 })
  t.equal(await metrics.value('proxy_auth_parents_failing'), 1)
})

t.test('two gateways in one process: the metrics of each are of its own exchanges', async t => {
  const [one, other] = [await measured(t), await measured(t)]
  await one.gate.ask(message('absolute-form', one.gate.web, fieldsOf(ALICE)))
  t.equal(await one.metrics.value('proxy_auth_grants_total', { scheme: 'Basic' }), 1)
  t.equal(await other.metrics.value('proxy_auth_grants_total', { scheme: 'Basic' }), undefined)
})

const promtool = peer('promtool')

t.test('the metrics of all forms, with names of users in any characters: promtool finds no fault', { skip: promtool.skip }, async t => {
  const names = ['a"b\\', 'a\nb', '{x="y"} 1', 'ünï-😀\u2028']
  const { gate, metrics } = await measured(t, {
    strategies: [new BasicStrategy({ verify: ({ username: index }) => ({ username: names[Number(index)] ?? 'alice' }) })]
  }, { users: true })
  await gate.exchanges()
  for (const index of names.keys()) await gate.ask(message('absolute-form', gate.web, fieldsOf(basicOf(String(index)))))
  await gate.ask(message('absolute-form', gate.web, ['Connection: close']))
  const check = (input: string) => spawnSync(promtool.path, ['check', 'metrics'], { input, encoding: 'utf8' })
  const text = await metrics.register.metrics()
  const { status, stdout, stderr } = check(text)
  t.strictSame([status, stdout, stderr], [0, '', ''])
  t.not(check(text.replace('proxy_auth_grants_total', 'proxy_auth_grants')).status, 0, 'it finds what there is to find')
})

t.test('a limit: what it refuses and what it ends is counted by its name and kind, and for the user', async t => {
  const { gate, metrics } = await measured(t, { limits: [{ name: 'few', tunnels: 1 }, { name: 'little', quota: { octets: 10, per: 'day' } }] }, { users: true })
  const client = await gate.tunnel()
  await gate.ask(connectHead(gate.tcp, `Proxy-Authorization: ${ALICE}`))
  t.strictSame(await metrics.all('proxy_auth_limited_total'), { 'limit=few kind=tunnels': 1 })
  client.send('more')
  await client.end()
  t.strictSame(await metrics.all('proxy_auth_limited_total'), { 'limit=few kind=tunnels': 1, 'limit=little kind=quota': 1 })
  t.strictSame(await metrics.all('proxy_auth_user_limited_total'), { 'user=alice': 2 })
  await until(() => gate.proxied().length === 2)
  t.match(await metrics.all('proxy_auth_exchanges_total'), { 'form=connect status=4xx reason=FST_PROXY_AUTH_LIMIT_REACHED': 1, 'form=connect status=2xx reason=FST_PROXY_AUTH_LIMIT_REACHED': 1 })
})
