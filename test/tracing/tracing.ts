import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { logFailures } from '../../lib/platform/guarded.js'
import type { Ending, ExchangeRecord } from '../../lib/proxy/exchange/record.js'
import type { OpenTelemetry } from '../../lib/tracing/opentelemetry.js'
import { Tracing } from '../../lib/tracing/tracing.js'
import { api, sdk } from '../fixtures/tracing.js'

const request = { raw: { headers: {}, httpVersion: '1.1' }, ip: '192.0.2.7' } as unknown as FastifyRequest
const record = { method: 'GET', form: 'http', target: 'http://origin.test', identity: null } as ExchangeRecord
const ending: Ending = { status: 200, bytesIn: 0, bytesOut: 0 }
const INTERNAL = 0

t.test('no SDK: there is no span', async t => {
  t.equal(new Tracing(api, false).begin(request, record), undefined)
})

t.test('a span of something else around it: ours is within that, and internal', async t => {
  const traces = sdk(t)
  const outer = api.trace.getTracerProvider().getTracer('test').startSpan('GET', { kind: 1, attributes: {} }, api.context.active())
  const around = { ...api, context: { active: () => (api.trace as unknown as { setSpan (context: object, span: object): object }).setSpan(api.context.active(), outer) } }
  new Tracing(around, false).begin(request, record)!.close(record, ending)
  const [span] = traces.spans()
  t.equal(span!.kind, INTERNAL)
  t.equal(span!.parentSpanContext!.spanId, (outer.spanContext() as { spanId?: string }).spanId)
})

t.test('a provider that is no proxy of the package, and a sampler that takes nothing: it is asked, and nothing is written', async t => {
  let asked = 0
  const span = { isRecording: () => false }
  const provider = { getTracer: () => ({ startSpan () { asked += 1; return span } }) }
  const other = { ...api, trace: { getTracerProvider: () => provider, getSpan: () => undefined } } as unknown as OpenTelemetry
  t.equal(new Tracing(other, false).begin(request, record), undefined)
  t.equal(asked, 1)
})

t.test('an SDK that throws: it is logged, and the request goes on', async t => {
  const logged: string[] = []
  logFailures({ error: (_details, message) => { logged.push(message) } }, {})
  t.teardown(() => logFailures(console, {}))
  const fails = () => { throw new Error('a failure of a test') }
  const broken = { ...api, trace: { getTracerProvider: fails, getSpan: fails } } as unknown as OpenTelemetry
  t.equal(new Tracing(broken, false).begin(request, record), undefined)
  const span = { isRecording: () => true, addEvent: fails, setAttributes: fails, setStatus: fails }
  const late = { ...api, trace: { getTracerProvider: () => ({ getTracer: () => ({ startSpan: () => span }) }), getSpan: () => undefined } } as unknown as OpenTelemetry
  const began = new Tracing(late, false).begin(request, record)!
  began.open()
  began.close(record, ending)
  t.strictSame(logged, ['a listener failed', 'a listener failed', 'a listener failed'])
})

t.test('an exchange that fails: the status of its span is an error, and its type is told', async t => {
  const traces = sdk(t)
  const began = new Tracing(api, false).begin(request, record)!
  began.open()
  began.close(record, { ...ending, status: 502, reason: 'FST_PROXY_AUTH_DNS' })
  t.match(traces.spans(), [{ status: { code: 2 }, attributes: { 'error.type': 'FST_PROXY_AUTH_DNS' }, events: [{ name: 'opened' }] }])
})
