// Trace context: what goes to origins and parents, and the spans of exchanges in all forms.
import t from 'tap'
import { connectHead } from '../fixtures/connect-head.js'
import { allForms, fieldsOf } from '../fixtures/all-forms.js'
import { message } from '../fixtures/forms.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { api, sdk } from '../fixtures/tracing.js'
import { until } from '../fixtures/until.js'
import { webSocket, webSocketOrigin, next } from '../fixtures/web-sockets.js'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const CONTEXT = [`traceparent: 00-${TRACE}-${PARENT}-01`, 'tracestate: vendor=opaque,other=1', 'TraceParent-Like: x']
const SERVER = 1
const ERROR = 2

for (const traced of [false, true]) {
  t.test(`trace context in each form, ${traced ? 'with' : 'without'} an SDK: an origin gets it as it came, and a parent does not on CONNECT`, async t => {
    if (traced) sdk(t)
    const [web, talking] = [await origin(t), await webSocketOrigin(t)]
    const gate = await gateway(t, { reverse: [{ prefix: '/api', upstream: web.url }, { prefix: '/ws', upstream: talking.url, websocket: true }] as never })
    const ask = async (text: string) => await (await RawClient.to(t, gate.port)).send(text).end()
    await ask(message('absolute-form', web.authority, [...fieldsOf(ALICE), ...CONTEXT]))
    await ask(message('origin-form', '', [...fieldsOf(ALICE), ...CONTEXT]))
    const headers = { 'Proxy-Authorization': ALICE, traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=opaque,other=1' }
    await next(webSocket(t, `${gate.url}/ws`, { headers }), 'open')
    await next(webSocket(t, gate.url, { headers, target: `http://${talking.authority}/` }), 'open')
    const seen = [...web.seen, ...talking.seen]
    t.equal(seen.length, 4)
    for (const { headers } of seen) t.match(headers, { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=opaque,other=1' })

    const asked: string[] = []
    const parent = await gateway(t, { before: app => { app.server.on('connect', ({ headers }) => { asked.push(JSON.stringify(headers)) }) } })
    const chained = await gateway(t, { forward: { special: ['127.0.0.1:*'], parents: [{ url: parent.url, credentials: { scheme: 'Basic', username: 'bob', password: 'bob-secret' } }] } as never })
    const client = await RawClient.to(t, chained.port)
    await client.send(connectHead(web.authority, `Proxy-Authorization: ${ALICE}`, ...CONTEXT)).until(text => text.includes('\r\n\r\n'))
    t.match(client.text, /^HTTP\/1\.1 200 /)
    t.ok(asked.length > 0)
    for (const head of asked) t.notMatch(head, new RegExp(`${TRACE}|vendor`))
    client.socket.destroy()
  })
}

t.test('an exchange in each form: it is one span of a server, whose parent is that of the request', async t => {
  const traces = sdk(t)
  const gate = await allForms(t)
  await gate.exchanges()
  await gate.ask(message('absolute-form', gate.web, [...fieldsOf(ALICE), ...CONTEXT]))
  await until(() => traces.spans().length === 7)
  const spans = traces.spans()
  const by = (form: string) => spans.filter(({ attributes }) => attributes['proxy_auth.form'] === form)
  t.strictSame(spans.map(({ kind }) => kind), spans.map(() => SERVER))
  t.equal(new Set(spans.map(span => span.spanContext().spanId)).size, 7, 'each is ended once')
  t.match(by('connect'), [{
    name: 'CONNECT',
    status: { code: 0 },
    attributes: {
      'http.request.method': 'CONNECT',
      'server.address': '127.0.0.1',
      'server.port': Number(gate.tcp.split(':')[1]),
      'network.protocol.version': '1.1',
      'client.address': '127.0.0.1',
      'http.response.status_code': 200,
      'proxy_auth.scheme': 'Basic',
      'proxy_auth.bytes_in': 4,
      'proxy_auth.bytes_out': 4
    },
    events: [{ name: 'opened' }]
  }])
  t.match(by('http'), [{ name: 'GET', attributes: { 'url.scheme': 'http', 'server.port': Number(gate.web.split(':')[1]), 'http.response.status_code': 200 } }, {
    name: 'GET', parentSpanContext: { traceId: TRACE, spanId: PARENT }
  }])
  t.match(by('https'), [{ status: { code: ERROR }, attributes: { 'http.response.status_code': 502, 'error.type': 'FST_PROXY_AUTH_TLS', 'proxy_auth.reason': 'FST_PROXY_AUTH_TLS' } }])
  t.match(by('reverse'), [{ attributes: { 'http.response.status_code': 200, 'server.address': '127.0.0.1' } }])
  t.match(by('websocket').map(({ attributes, status }) => [attributes['http.response.status_code'], status.code]), [[101, 0], [101, 0]])
  for (const span of spans) {
    const text = JSON.stringify([span.name, span.attributes, span.events])
    for (const secret of ['alice', 'secret', ALICE.slice(6), '/api', 'url.path']) t.notMatch(text, secret)
  }
})

t.test('refusals, failures and ends: a span says what failed, and a denial is no failure', async t => {
  const traces = sdk(t)
  const gate = await allForms(t, { forward: { special: ['127.0.0.1:*'], deny: ['denied.test'] }, tracing: { users: true }, log: { paths: true } })
  await gate.ask(message('absolute-form', gate.web, ['Connection: close']))
  await gate.ask(message('absolute-form', 'denied.test', fieldsOf(ALICE)))
  await gate.ask(message('absolute-form', '127.0.0.1:1', fieldsOf(ALICE), { path: '/a?b=c', method: 'PROPFIND' }))
  const client = await gate.tunnel()
  const [{ id } = { id: '' }] = [...gate.log].reverse().flatMap(({ reqId }) => typeof reqId === 'string' ? [{ id: reqId }] : [])
  t.equal(gate.app.proxyAuthEnd(id), 1)
  await client.end()
  await until(() => traces.spans().length === 3)
  t.match(traces.spans(), [
    { name: 'GET', status: { code: 0 }, attributes: { 'http.response.status_code': 403, 'user.name': 'alice', 'url.path': '/', 'error.type': undefined } },
    {
      name: 'HTTP',
      status: { code: ERROR },
      attributes: { 'http.request.method': '_OTHER', 'http.request.method_original': 'PROPFIND', 'http.response.status_code': 502, 'error.type': 'FST_PROXY_AUTH_CONNECTION_REFUSED', 'url.path': '/a', 'url.query': 'b=c' }
    },
    { name: 'CONNECT', status: { code: 0 }, attributes: { 'http.response.status_code': 200, 'proxy_auth.reason': 'ended', 'url.path': undefined } }
  ])
})

t.test('a reverse WebSocket that rules permit, or deny: it is one span', async t => {
  const traces = sdk(t)
  const talking = await webSocketOrigin(t)
  let permits = true
  const gate = await gateway(t, {
    authorize: () => permits,
    reverse: [{ prefix: '/ws', upstream: talking.url, websocket: true, wsClientOptions: {} }] as never
  })
  const headers = { 'Proxy-Authorization': ALICE }
  const socket = webSocket(t, `${gate.url}/ws/yes`, { headers })
  await next(socket, 'open')
  socket.close()
  await until(() => traces.spans().length === 1)
  permits = false
  await next(webSocket(t, `${gate.url}/ws/no`, { headers }), 'error')
  await until(() => traces.spans().length === 2)
  t.strictSame(traces.spans().map(({ attributes }) => attributes['http.response.status_code']), [101, 403])
})

t.test('tracing that is off, or no SDK: there are no spans', async t => {
  const without = await allForms(t)
  await without.ask(message('absolute-form', without.web, fieldsOf(ALICE)))
  const traces = sdk(t)
  const off = await allForms(t, { tracing: false })
  await off.ask(message('absolute-form', off.web, fieldsOf(ALICE)))
  t.strictSame(traces.spans(), [])
  await without.ask(message('absolute-form', without.web, fieldsOf(ALICE)))
  t.equal(traces.spans().length, 1, 'one that is registered later counts')
  t.ok(api.trace.getTracerProvider())
})
