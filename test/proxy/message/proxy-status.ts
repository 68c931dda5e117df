import createError from '@fastify/error'
import Fastify from 'fastify'
import t from 'tap'
import * as errors from '../../../lib/errors.js'
import { denied } from '../../../lib/policy/target/denied.js'
import { addProxyStatus } from '../../../lib/proxy/message/proxy-status.js'
import { PROXY_ERRORS } from '../../../lib/fields/proxy-status.js'
import type { ProxyErrorType } from '../../../lib/fields/proxy-status.js'

/** What `Proxy-Status` says of a failure, without the id of the request, and the status. */
async function explained (failure: Error, authenticated = true): Promise<{ field: unknown, status: number }> {
  const app = Fastify()
  app.decorateRequest('proxyAuth', null)
  app.addHook('onRequest', async request => { if (authenticated) request.proxyAuth = { name: 'alice' } as never })
  app.addHook('onError', addProxyStatus('gw'))
  app.get('/', async () => { throw failure })
  const { headers, statusCode } = await app.inject('/')
  await app.close()
  return { field: (headers['proxy-status'] as string | undefined)?.replace(/; request-id="req-\w+"$/, ''), status: statusCode }
}

const caused = (code: string) => ({ cause: Object.assign(new Error(), { code }) })
const ROWS: Array<[error: Error, type: ProxyErrorType]> = [
  [new errors.DnsFailed(), 'dns_error'],
  [new errors.DnsTimeout(), 'dns_timeout'],
  [new errors.ConnectionRefused(), 'connection_refused'],
  [new errors.ConnectTimeout(), 'connection_timeout'],
  [new errors.Unroutable(), 'destination_ip_unroutable'],
  [new errors.TlsFailed(caused('CERT_HAS_EXPIRED')), 'tls_certificate_error'],
  [new errors.TlsFailed(caused('EPROTO')), 'tls_protocol_error'],
  [new errors.TlsFailed(caused('ERR_SSL_WRONG_VERSION_NUMBER')), 'tls_protocol_error'],
  [new errors.UpstreamTerminated(), 'connection_terminated'],
  [new errors.UpstreamTimeout(), 'connection_read_timeout'],
  [new errors.UpstreamProtocol(), 'http_protocol_error'],
  [new errors.UpstreamHeadTooLarge(), 'http_response_header_section_size'],
  [new errors.OutOfConnections(), 'connection_limit_reached'],
  [new errors.RefusedCall(), 'proxy_internal_error'],
  [new errors.CheckFailed(), 'proxy_internal_error'],
  [new errors.LoopDetected(), 'proxy_loop_detected']
]
for (const [error, type] of ROWS) {
  t.test(`${type}, with the status recommended for it (R-PS-2, R-PS-4, R-PS-5)`, async t => {
    t.strictSame(await explained(error), { field: `gw; error=${type}`, status: PROXY_ERRORS[type].status })
  })
}

t.test('a check of the target that does not answer: an internal error, with the status that tells to try again', async t => {
  t.strictSame(await explained(new errors.CheckTimeout()), { field: 'gw; error=proxy_internal_error', status: 503 })
})

t.test('the id of the request: it stands at the end, and one that the field cannot carry is left out', async t => {
  const app = Fastify({ requestIdHeader: 'x-id' })
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  app.addHook('onRequest', async request => { request.proxyAuth = { name: 'alice' } as never })
  app.addHook('onError', addProxyStatus('gw'))
  app.get('/', async () => { throw new errors.DnsFailed() })
  const field = async (id: string) => (await app.inject({ url: '/', headers: { 'x-id': id } })).headers['proxy-status']
  t.equal(await field('a "b" \\'), 'gw; error=dns_error; request-id="a \\"b\\" \\\\"')
  for (const id of ['x'.repeat(101), 'caf\u00e9']) t.equal(await field(id), 'gw; error=dns_error')
})

t.test('a refusal of the policy: it is a 403, and the field says why (R-PS-6)', async t => {
  const address = denied({ reason: 'special-purpose address', proxyStatus: 'destination_ip_prohibited', address: '10.0.0.1' })
  t.strictSame(await explained(address), { field: 'gw; error=destination_ip_prohibited; details="special-purpose address"', status: 403 })
  const port = denied({ reason: 'port', proxyStatus: 'http_request_denied' })
  t.strictSame(await explained(port), { field: 'gw; error=http_request_denied; details="port"', status: 403 })
})

t.test('a reason that the field cannot carry: it is left out, and the rest is said', async t => {
  for (const reason of ['nicht für dich', 'two\nlines']) {
    const named = denied({ reason, proxyStatus: 'http_request_denied' })
    t.strictSame(await explained(named), { field: 'gw; error=http_request_denied', status: 403 })
  }
})

t.test('a 407 of the next hop: the field reports it (R-PS-9)', async t => {
  t.strictSame(await explained(new errors.UpstreamChallenged()), { field: 'gw; error=http_request_denied; received-status=407', status: 502 })
})

const by = (error: Error, more: object = {}): Error => Object.assign(error, { parent: 'up-1', ...more })
const PARENTS: Array<[error: Error, field: string, status: number]> = [
  [new errors.NoParent(), 'destination_not_found', 502],
  [by(new errors.ParentUnreachable()), 'destination_unavailable; next-hop=up-1', 502],
  [by(new errors.ParentUnreachable({ cause: new errors.ConnectionRefused() })), 'connection_refused; next-hop=up-1', 502],
  [by(new errors.ParentUnreachable({ cause: new errors.TlsFailed(caused('EPROTO')) })), 'tls_protocol_error; next-hop=up-1', 502],
  [by(new errors.ParentUnreachable({ cause: new Error('a fault') })), 'destination_unavailable; next-hop=up-1', 502],
  [by(new errors.ParentTimeout()), 'connection_timeout; next-hop=up-1', 504],
  [by(new errors.ParentTimeout({ cause: new errors.UpstreamTimeout() })), 'connection_read_timeout; next-hop=up-1', 504],
  [by(new errors.ParentProtocol(), { receivedStatus: 301 }), 'http_protocol_error; next-hop=up-1; received-status=301', 502],
  [by(new errors.ParentRefused(), { receivedStatus: 407, account: 'gw#1' }), 'http_request_denied; next-hop=up-1; received-status=407', 502],
  [by(new errors.ParentUnproven()), 'http_protocol_error; next-hop=up-1', 502],
  [by(new errors.ParentDenied(403), { receivedStatus: 403 }), 'http_request_denied; next-hop=up-1; received-status=403', 403],
  [by(new errors.ParentDenied(503), { receivedStatus: 503 }), 'destination_unavailable; next-hop=up-1; received-status=503', 503],
  [by(new errors.ParentDenied(502, { cause: new errors.Unroutable() })), 'destination_ip_unroutable; next-hop=up-1', 502],
  [by(new errors.ParentCredentialsFailed({ cause: 'what was thrown' })), 'proxy_internal_error; next-hop=up-1', 500],
  [new errors.ParentChoiceFailed(), 'proxy_internal_error', 500],
  [by(new errors.ParentContent()), 'proxy_internal_error; next-hop=up-1', 502],
  [by(new errors.LoopDetected()), 'proxy_loop_detected; next-hop=up-1', 502],
  [by(new errors.ParentTimeout(), { parent: 'up 1' }), 'connection_timeout; next-hop="up 1"', 504],
  [by(new errors.ParentTimeout(), { parent: 'öben' }), 'connection_timeout', 504]
]
t.test('failures of parent proxies: the field names the parent, and what it responded with', async t => {
  for (const [error, field, status] of PARENTS) t.strictSame(await explained(error), { field: `gw; error=${field}`, status })
})

t.test('a client that is not authenticated: it is told nothing (R-PS-1)', async t => {
  t.strictSame(await explained(new errors.DnsFailed(), false), { field: undefined, status: 502 })
})

t.test('an error that is no failure towards a target: the field is not sent', async t => {
  t.strictSame((await explained(new errors.BadTarget('no'))).field, undefined)
  t.strictSame((await explained(new Error('bug'))).field, undefined)
  t.strictSame((await explained(new (createError('APP', 'app', 418))({ cause: new Error() }))).field, undefined)
})
