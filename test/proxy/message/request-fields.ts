import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { refuseLoop, requestFields } from '../../../lib/proxy/message/request-fields.js'

const HOST = new Set(['host'])

/** A request with these fields, as far as it is looked at. */
function request (method: string, rawHeaders: string[], httpVersion = '1.1'): IncomingMessage {
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    headers[name] = name in headers && name === 'via' ? `${headers[name]}, ${rawHeaders[i + 1]}` : headers[name] ?? rawHeaders[i + 1]!
  }
  return { method, httpVersion, httpVersionMajor: Number(httpVersion[0]), headers, rawHeaders } as unknown as IncomingMessage
}

t.test('fields of a request: order, case and lines stay (R-HOP-8)', async t => {
  const fields = ['Accept', '*/*', 'X-B', '\xe9', 'COOKIE', 'a', 'x-b', '2', 'Authorization', 'Basic b3JpZ2lu', 'Content-Length', '3']
  t.strictSame(requestFields(request('POST', ['Host', 'b.test', ...fields]), HOST), fields)
})

t.test('fields that end at this hop, in any case: they are removed (R-HOP-1, R-HOP-2, R-HOP-3, R-CHAIN-1)', async t => {
  const own = [
    'Proxy-Connection', 'keep-alive', 'Keep-Alive', 'timeout=5', 'TE', 'trailers', 'Transfer-Encoding', 'chunked', 'UPGRADE', 'h2c', 'HTTP2-Settings', 'x',
    'Trailer', 'X-T', 'Expect', '100-continue', 'proxy-authorization', 'Basic x', 'Proxy', 'evil', 'Connection', 'X-Hop, close', 'x-hop', '1', 'Proxy-Support', 'x'
  ]
  t.strictSame(requestFields(request('GET', ['Host', 'a.test', ...own, 'X-Kept', '1']), HOST), ['X-Kept', '1'])
})

t.test('Connection that names fields of the proxy or end-to-end fields: they stay (R-HOP-5)', async t => {
  const named = ['Host', 'Via', 'Content-Length', 'Authorization', 'Cookie', 'Cache-Control']
  const fields = ['Via', '1.0 before', 'Content-Length', '3', 'Authorization', 'x', 'Cookie', 'y', 'Cache-Control', 'z']
  t.strictSame(requestFields(request('GET', ['Connection', named.join(', '), ...fields]), HOST), fields)
})

t.test('several lines of Cookie: those of HTTP/2 are joined into one, those of HTTP/1.1 stay (R-HOP-6)', async t => {
  const fields = [':authority', 'a.test', 'cookie', 'a=1', 'x-a', '1', 'cookie', 'b=2', 'cookie', 'c=3', 'te', 'trailers']
  t.strictSame(requestFields(request('GET', fields, '2.0'), HOST), ['cookie', 'a=1; b=2; c=3', 'x-a', '1'])
  t.strictSame(requestFields(request('GET', ['Cookie', 'a=1', 'Cookie', 'b=2']), HOST), ['Cookie', 'a=1', 'Cookie', 'b=2'], 'what HTTP/1.1 sends stays')
})

t.test('our own member in Via, in any line and case: refused as a loop (R-VIA-4)', async t => {
  const loop = { code: 'FST_PROXY_AUTH_LOOP', statusCode: 502 }
  t.throws(() => refuseLoop(request('GET', ['Via', '1.1 gw']), 'gw'), loop)
  t.throws(() => refuseLoop(request('GET', ['Via', '1.1 a', 'via', '1.0 b, HTTP/1.1 GW (x)']), 'gw'), loop)
  t.doesNotThrow(() => refuseLoop(request('GET', ['Via', '1.1 gw-2, 1.1 a (gw)']), 'gw'))
  t.doesNotThrow(() => refuseLoop(request('GET', []), 'gw'))
})

t.test('Max-Forwards: it counts for TRACE and OPTIONS, and is never added (R-MAXF-2, R-MAXF-3)', async t => {
  const left = (method: string, value?: string) => {
    const fields = requestFields(request(method, value === undefined ? [] : ['max-forwards', value]), HOST)
    return fields[fields.indexOf('max-forwards') + 1]
  }
  for (const method of ['TRACE', 'OPTIONS']) {
    t.equal(left(method, '7'), '6')
    t.equal(left(method, 'x'), 'x', 'as it came where it is none')
    t.notOk(requestFields(request(method, ['X', '1']), HOST).includes('max-forwards'))
  }
  t.equal(left('GET', '7'), '7')
  t.strictSame(requestFields(request('TRACE', ['X', '1', 'Max-Forwards', '3']), HOST).slice(0, 4), ['X', '1', 'Max-Forwards', '2'])
})
