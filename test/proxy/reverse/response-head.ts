import t from 'tap'
import type { FieldRecord } from '../../../lib/fields/hop-by-hop.js'
import { rewrittenResponse } from '../../../lib/proxy/reverse/response-head.js'
import type { RewriteResponse } from '../../../lib/proxy/reverse/response-head.js'

const REQUEST = {} as never
const rewritten = (fields: string[], rewrite: RewriteResponse) => rewrittenResponse(fields, rewrite, REQUEST)

t.test('the options add fields that end at this hop, in any case: they end here (R-CHAIN-8, R-HOP-4)', async t => {
  const names = [
    'proxy-authenticate', 'proxy-authentication-info', 'proxy-connection', 'proxy-support', 'proxy-authorization', 'connection', 'keep-alive', 'te', 'upgrade'
  ]
  for (const name of names) {
    t.strictSame(rewritten(['Age', '1'], headers => ({ ...headers, [name]: 'x', [name.toUpperCase()]: 'x' })), ['Age', '1'], name)
  }
})

t.test('Via that the options change: it stays as it came (R-VIA-1)', async t => {
  t.strictSame(rewritten(['Via', '1.1 a', 'via', '1.1 b'], () => ({ via: 'x' })), ['Via', '1.1 a', 'via', '1.1 b'])
  t.strictSame(rewritten([], headers => ({ ...headers, via: 'x' })), [])
})

t.test('fields that the options leave alone: they stay as they came, in their place, case and lines', async t => {
  const fields = ['X-B', '1', 'Set-Cookie', 'a=1', 'x-a', '2', 'Set-Cookie', 'b=2']
  t.strictSame(rewritten(fields, headers => ({ ...headers, 'x-a': '3', 'x-new': '4' })), ['X-B', '1', 'Set-Cookie', 'a=1', 'x-a', '3', 'Set-Cookie', 'b=2', 'x-new', '4'])
})

t.test('an upstream sends several lines of Location: all go on, unless the options change the first (F-18)', async t => {
  const fields = ['Location', 'http://a.test/1', 'Age', '1', 'Location', 'http://a.test/2']
  t.strictSame(rewritten(fields, headers => headers), fields)
  t.strictSame(rewritten(fields, headers => ({ ...headers, 'x-a': headers['location'] })), [...fields, 'x-a', 'http://a.test/1'])
  t.strictSame(rewritten(fields, headers => ({ location: `${String(headers['location'])}/x` })), ['Location', 'http://a.test/1/x'])
  t.strictSame(rewritten(fields, () => ({})), [])
})

t.test('a response that the options rewrite: they get an ordinary object, and the request', async t => {
  rewritten(['Age', '1'], (headers: FieldRecord, request) => {
    t.equal(Object.getPrototypeOf(headers), Object.prototype)
    t.equal(request, REQUEST)
    return headers
  })
})
