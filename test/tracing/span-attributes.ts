import t from 'tap'
import type { ExchangeRecord } from '../../lib/proxy/exchange/record.js'
import { endAttributes, errorOf, spanName, startAttributes } from '../../lib/tracing/span-attributes.js'

const recordOf = (more: object = {}) => ({ method: 'GET', form: 'http', target: 'http://origin.test', identity: { name: 'alice', scheme: 'Basic' }, ...more }) as ExchangeRecord
const asked = { httpVersion: '1.1', client: undefined }

t.test('methods: those that are known name a span, and others are not in names', async t => {
  t.strictSame(['GET', 'CONNECT', 'QUERY', 'PROPFIND', 'get'].map(method => spanName({ method })), ['GET', 'CONNECT', 'QUERY', 'HTTP', 'HTTP'])
  t.match(startAttributes(recordOf({ method: 'PROPFIND' }), asked, false), { 'http.request.method': '_OTHER', 'http.request.method_original': 'PROPFIND' })
})

t.test('targets: their address, port and scheme', async t => {
  const rows: Array<[target: string, address: string, port: number | undefined, scheme: string | undefined]> = [
    ['origin.test:443', 'origin.test', 443, undefined],
    ['[2001:db8::1]:8443', '2001:db8::1', 8443, undefined],
    ['http://origin.test', 'origin.test', 80, 'http'],
    ['https://origin.test', 'origin.test', 443, 'https'],
    ['http://[2001:db8::1]:81', '2001:db8::1', 81, 'http'],
    ['http://[2001:db8::1]', '2001:db8::1', 80, 'http'],
    ['wss://origin.test/path?q', 'origin.test', 443, 'wss'],
    ['2001:db8::1', '2001:db8::1', undefined, undefined],
    ['an upstream', 'an upstream', undefined, undefined]
  ]
  for (const [target, address, port, scheme] of rows) {
    const attributes = startAttributes(recordOf({ target }), asked, false)
    t.strictSame([attributes['server.address'], attributes['server.port'], attributes['url.scheme']], [address, port, scheme], target)
  }
})

t.test('what a request says of itself: version and address, path where the log has it, and the user where that is wanted', async t => {
  t.strictSame(startAttributes(recordOf(), asked, false), {
    'http.request.method': 'GET',
    'server.address': 'origin.test',
    'server.port': 80,
    'url.scheme': 'http',
    'network.protocol.version': '1.1',
    'proxy_auth.scheme': 'Basic',
    'proxy_auth.form': 'http'
  })
  t.match(startAttributes(recordOf({ path: '/a?b?c' }), { httpVersion: '2.0', client: '192.0.2.7' }, true), {
    'network.protocol.version': '2', 'client.address': '192.0.2.7', 'url.path': '/a', 'url.query': 'b?c', 'user.name': 'alice'
  })
  t.match(startAttributes(recordOf({ path: '/a', identity: { name: 'alice', scheme: null } }), asked, false), { 'url.path': '/a', 'url.query': undefined, 'proxy_auth.scheme': 'none' })
  t.match(startAttributes(recordOf({ identity: null }), asked, true), { 'user.name': undefined, 'proxy_auth.scheme': undefined })
})

t.test('the end: status and octets, and why and by which parent where there is that', async t => {
  const ending = { status: 200, bytesIn: 1, bytesOut: 2 }
  const usual = { 'http.response.status_code': 200, 'proxy_auth.bytes_in': 1, 'proxy_auth.bytes_out': 2 }
  t.strictSame(endAttributes(recordOf(), ending), usual)
  t.strictSame(endAttributes(recordOf({ parent: 'corp' }), { ...ending, reason: 'idle' }), { ...usual, 'proxy_auth.reason': 'idle', 'proxy_auth.parent': 'corp' })
})

t.test('what is a failure: 5xx, and what was broken off, but no refusal and no end of a tunnel', async t => {
  const rows: Array<[form: string, status: number, reason: string | undefined, error: string | undefined]> = [
    ['http', 200, undefined, undefined],
    ['http', 502, 'FST_PROXY_AUTH_DNS', 'FST_PROXY_AUTH_DNS'],
    ['http', 503, undefined, '503'],
    ['http', 403, 'FST_PROXY_AUTH_TARGET_DENIED', undefined],
    ['http', 499, 'FST_PROXY_AUTH_CLIENT_LEFT', undefined],
    ['connect', 200, 'idle', undefined],
    ['connect', 200, 'aborted', undefined],
    ['websocket', 101, 'aborted', undefined],
    ['reverse', 200, 'aborted', 'aborted'],
    ['http', 200, 'FST_PROXY_AUTH_UPSTREAM_TERMINATED', 'FST_PROXY_AUTH_UPSTREAM_TERMINATED']
  ]
  for (const [form, status, reason, error] of rows) {
    t.equal(errorOf(recordOf({ form }), { status, reason, bytesIn: 0, bytesOut: 0 }), error, `${form} ${status} ${reason}`)
  }
})
