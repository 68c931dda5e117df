import t from 'tap'
import { PROXY_ERRORS, formatProxyStatus } from '../../lib/fields/proxy-status.js'
import type { ProxyErrorType } from '../../lib/fields/proxy-status.js'
import { vectors } from '../fixtures/vectors.js'

interface Row { id: string, error: ProxyErrorType, recommended_status: number | string, only_generated_by_intermediaries: boolean, source: string }

const NOT_REPRESENTABLE = { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' }
const rows = vectors<Row>('proxy-status-errors')

for (const { id, error, recommended_status: status, only_generated_by_intermediaries: intermediaryOnly, source } of rows) {
  t.test(`${id}: ${error}, ${source} (R-PS-4)`, async t => {
    t.strictSame(PROXY_ERRORS[error], { status: typeof status === 'number' ? status : undefined, intermediaryOnly })
    t.equal(formatProxyStatus('gw', { error }), `gw; error=${error}`)
  })
}

t.test('the list of error types: it has the registered ones and no other', async t => {
  t.strictSame(Object.keys(PROXY_ERRORS), rows.map(({ error }) => error))
  t.ok(Object.isFrozen(PROXY_ERRORS))
})

t.test('the name of the deployment: a member starts with it, as Token or String (R-PS-2)', async t => {
  t.equal(formatProxyStatus('gw-1.test:8080/a'), 'gw-1.test:8080/a')
  t.equal(formatProxyStatus('*x'), '*x')
  t.equal(formatProxyStatus('1gw'), '"1gw"')
  t.equal(formatProxyStatus('our "gw"\\'), '"our \\"gw\\"\\\\"')
  t.equal(formatProxyStatus(''), '""')
  for (const name of ['g\nw', 'caf\u00e9', 'a\tb', '\x7f']) t.throws(() => formatProxyStatus(name), NOT_REPRESENTABLE)
})

t.test('several parameters: they are written in a fixed order, each in its type', async t => {
  t.equal(
    formatProxyStatus('gw', { details: 'it said "no"', requestId: 'req-1', receivedStatus: 407, nextProtocol: 'http/1.1', nextHop: '192.0.2.1', error: 'connection_refused' }),
    'gw; error=connection_refused; next-hop="192.0.2.1"; next-protocol=http/1.1; received-status=407; details="it said \\"no\\""; request-id="req-1"'
  )
  for (const receivedStatus of [100, 599]) t.equal(formatProxyStatus('gw', { receivedStatus }), `gw; received-status=${receivedStatus}`)
  t.throws(() => formatProxyStatus('gw', { details: 'a\r\nb' }), { ...NOT_REPRESENTABLE, message: /index 1/ })
  t.throws(() => formatProxyStatus('gw', { requestId: '\n' }), NOT_REPRESENTABLE)
  for (const receivedStatus of [99, 600, 200.5, NaN]) t.throws(() => formatProxyStatus('gw', { receivedStatus }), NOT_REPRESENTABLE)
})
