import { Readable } from 'node:stream'
import t from 'tap'
import type { FieldRecord } from '../../../lib/fields/hop-by-hop.js'
import { listOf, recordOf } from '../../../lib/fields/raw-list.js'
import { IdentityField, NO_IDENTITY } from '../../../lib/proxy/message/identity-field.js'
import { createRequestHead, lasting, reverseContent } from '../../../lib/proxy/reverse/upstream-request.js'
import type { ContentOptions, RewriteRequest } from '../../../lib/proxy/reverse/upstream-request.js'

const RULES = { pseudonym: 'gw', forwarded: false, consumed: new Set<string>(), identity: NO_IDENTITY }

interface Case {
  method?: string
  httpVersion?: string
  content?: string[]
  rewrite?: RewriteRequest
  rules?: Partial<typeof RULES>
}

/** The head for the upstream of a request with those fields, the lines of each joined. */
function head (headers: FieldRecord, { method = 'GET', httpVersion = '1.1', content, rewrite, rules }: Case = {}): FieldRecord {
  const raw = { headers, rawHeaders: listOf(headers), method, httpVersion, socket: { remoteAddress: '192.0.2.7' } }
  const request = { raw, host: headers['host'], protocol: 'http', proxyAuth: {} } as never
  const fields = recordOf(createRequestHead({ ...RULES, ...rules })(request, 'up.test', content, rewrite))
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value].flat().join(', ')]))
}

const ENDS_HERE = [
  'proxy-authorization', 'proxy-connection', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-support', 'proxy',
  'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect'
]

for (const name of ENDS_HERE) {
  t.test(`${name} ends here, before and after the options' rewriting (R-CHAIN-1, R-CHAIN-3, R-HOP-2, R-HOP-3, R-HOP-9, S28)`, async t => {
    t.same(head({ host: 'gw.test', [name]: 'x' }), { host: 'up.test', via: '1.1 gw' })
    if (name === 'te') return
    const copied = head({ host: 'gw.test' }, { rewrite: (_request, headers) => ({ ...headers, [name]: 'x', [name.toUpperCase()]: 'x' }) })
    t.same(copied, { host: 'up.test', via: '1.1 gw' })
  })
}

t.test('TE that the options set: it is sent (gRPC)', async t => {
  t.equal(head({}, { rewrite: (_request, headers) => ({ ...headers, te: 'trailers' }) })['te'], 'trailers')
})

t.test('Authorization and cookies: they go on as they are (R-CHAIN-7)', async t => {
  const fields = { authorization: 'Bearer a', cookie: 'a=1', 'www-authenticate': 'x', 'authentication-info': 'y', 'x-unknown': 'z' }
  t.same(head(fields), { ...fields, host: 'up.test', via: '1.1 gw' })
})

t.test('a gate that acts as origin: Authorization ends here', async t => {
  const rules = { consumed: new Set(['authorization']) }
  t.same(head({ authorization: 'Basic a', cookie: 'a=1' }, { rules }), { cookie: 'a=1', host: 'up.test', via: '1.1 gw' })
  const copy: RewriteRequest = (_request, headers) => ({ ...headers })
  t.same(head({ authorization: 'Basic a' }, { rules, rewrite: copy }), { host: 'up.test', via: '1.1 gw' })
  const rewrite: RewriteRequest = (_request, headers) => ({ ...headers, Authorization: 'Bearer ours' })
  t.same(head({ authorization: 'Basic a' }, { rules, rewrite }), { host: 'up.test', authorization: 'Bearer ours', via: '1.1 gw' })
})

t.test('fields that Connection names: they are removed, but end-to-end fields never (R-HOP-1, R-HOP-5)', async t => {
  const fields = { connection: 'x-hop, authorization, via', 'x-hop': '1', authorization: 'Bearer a', via: '1.0 a' }
  t.same(head(fields), { authorization: 'Bearer a', host: 'up.test', via: '1.0 a, 1.1 gw' })
})

t.test('Connection that names fields which we or the options add: they stay (S23, CVE-2026-33805)', async t => {
  const names = ['via', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-user', 'host']
  const told = head({ host: 'gw.test', connection: names.join() }, {
    rules: { forwarded: true },
    rewrite: (_request, headers) => ({ ...headers, 'x-user': 'alice' })
  })
  t.same(told, {
    host: 'up.test',
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-host': 'gw.test',
    'x-forwarded-proto': 'http',
    forwarded: 'for=192.0.2.7;host=gw.test;proto=http',
    'x-user': 'alice',
    via: '1.1 gw'
  })
})

t.test('forwarded fields with forwarded off: those of the client stay as they came', async t => {
  t.equal(head({ 'x-forwarded-for': '10.0.0.1' })['x-forwarded-for'], '10.0.0.1')
})

t.test('options that rewrite forwarded fields: the upstream gets what they say', async t => {
  const rewrite: RewriteRequest = (_request, headers) => ({ ...headers, 'x-forwarded-for': 'me' })
  t.equal(head({ host: 'gw.test' }, { rewrite, rules: { forwarded: true } })['x-forwarded-for'], 'me')
})

t.test('a head that the options rewrite: they see it as it will be, in an ordinary object', async t => {
  head({ host: 'gw.test', 'proxy-authorization': 'x', 'x-a': '1' }, {
    rewrite (_request, headers) {
      t.same(headers, { host: 'up.test', 'x-a': '1' })
      t.equal(Object.getPrototypeOf(headers), Object.prototype)
      return headers
    }
  })
})

t.test('content that is not the client\'s: its fields take the place of the client\'s', async t => {
  const fields = { 'content-type': 'text/plain; charset=x', 'content-length': '9' }
  t.match(head(fields, { content: ['Content-Type', 'text/plain', 'Content-Length', '3'] }), { 'content-type': 'text/plain', 'content-length': '3' })
  t.same(head(fields, { content: ['Content-Length', '0'] }), { host: 'up.test', 'content-length': '0', via: '1.1 gw' }, 'a type without content would be wrong')
})

t.test('several lines of a field: the options see them as node has them, and they stay lines where they are not changed', async t => {
  const raw = { headers: { cookie: 'a; b', accept: 'x, y' }, rawHeaders: ['Cookie', 'a', 'Accept', 'x', 'Cookie', 'b', 'Accept', 'y'], method: 'GET', httpVersion: '1.1' }
  const requestHead = createRequestHead(RULES)
  const fields = requestHead({ raw, proxyAuth: {} } as never, 'up.test', undefined, (_request, headers) => {
    t.same(headers, { cookie: 'a; b', accept: 'x, y', host: 'up.test' })
    return { ...headers, accept: 'z' }
  })
  t.strictSame(fields, ['Cookie', 'a', 'Accept', 'z', 'Cookie', 'b', 'Host', 'up.test', 'Via', '1.1 gw'])
})

t.test('a request to the upstream: Via is appended, with the version received (R-VIA-1, R-VIA-2)', async t => {
  t.equal(head({})['via'], '1.1 gw')
  t.equal(head({ via: '1.1 a (x), 2.0 b' }, { httpVersion: '1.0' })['via'], '1.1 a (x), 2.0 b, 1.0 gw')
  t.equal(head({}, { httpVersion: '2.0' })['via'], '2.0 gw')
  t.equal(head({}, { httpVersion: '3.0' })['via'], '3.0 gw', 'a version that a hook of the application has put there')
  t.equal(head({ via: '1.1 a' }, { rewrite: () => ({}) })['via'], '1.1 a, 1.1 gw', 'whatever the options keep')
})

t.test('options that change the head they get: the Via of the client goes on as it came', async t => {
  const changes: Array<(head: FieldRecord) => void> = [
    (head) => { delete head['via'] },
    (head) => { head['via'] = '1.1 other' },
    (head) => { for (const name of Object.keys(head)) delete head[name] }
  ]
  for (const change of changes) {
    const rewrite: RewriteRequest = (_request, headers) => {
      change(headers)
      return headers
    }
    t.equal(head({ via: '1.1 a' }, { rewrite })['via'], '1.1 a, 1.1 gw')
    t.match(head({}, { rewrite })['via'], /^1.1 gw$/, 'and there is none where it had none')
  }
})

t.test('Max-Forwards: it counts for TRACE and OPTIONS alone (R-MAXF-2, R-MAXF-3)', async t => {
  for (const method of ['TRACE', 'OPTIONS']) {
    t.equal(head({ 'max-forwards': '3' }, { method })['max-forwards'], '2')
    t.equal(head({ 'max-forwards': 'x' }, { method })['max-forwards'], 'x')
    t.notOk('max-forwards' in head({}, { method }))
  }
  t.equal(head({ 'max-forwards': '3' })['max-forwards'], '3')
})

t.test('field names in any case: those that end here are removed', async t => {
  t.same({ ...lasting({ 'Proxy-AUTHORIZATION': 'x', 'X-A': '1', Via: 'x', TE: 'trailers' }) }, { 'x-a': '1', te: 'trailers' })
})

t.test('the identity of the user, before and after rewriting: it comes from the gate alone', async t => {
  const own = new IdentityField({ header: 'x-user', value: () => 'alice' }, 'identity')
  const rules = { identity: { own, all: [own] } }
  const fields = { x_user: 'mallory', connection: 'x-user' }
  t.same(head(fields, { rules }), { host: 'up.test', 'x-user': 'alice', via: '1.1 gw' })
  const rewrite: RewriteRequest = (_request, headers) => {
    t.equal(headers['x-user'], 'alice')
    return { 'X-User': 'bob', x_user: 'bob' }
  }
  t.same(head(fields, { rules, rewrite }), { 'x-user': 'alice', via: '1.1 gw' })
})

const JSON_ALONE = new Set(['application/json'])

interface ContentCase { method?: string, headers?: Record<string, string>, body?: unknown, wasRead?: boolean, encodes?: ReadonlySet<string> }

function content (options: ContentOptions, { method = 'POST', headers = {}, body, wasRead = false, encodes = JSON_ALONE }: ContentCase = {}) {
  const raw = Object.assign(Readable.from([Buffer.from('raw')]), { headers })
  Object.defineProperty(raw, 'readableDidRead', { value: wasRead })
  return reverseContent({ method, raw, body } as never, options, { bytesIn: 0 }, 0, encodes)
}

t.test('content in the options: it is sent with the fields that describe it', async t => {
  t.same(content({ body: { a: 1 } }), { body: Buffer.from('{"a":1}'), fields: ['Content-Length', '7', 'Content-Type', 'application/json'] })
  t.same(content({ body: 'ä', contentType: 'text/plain' }), { body: Buffer.from('ä'), fields: ['Content-Length', '2', 'Content-Type', 'text/plain'] })
  t.same(content({ body: null }), { body: null, fields: ['Content-Length', '0'] })
})

t.test('a stream, or content for a method that has none: an error', async t => {
  t.throws(() => content({ body: Readable.from([]) }), /a stream/)
  for (const method of ['GET', 'HEAD']) {
    t.throws(() => content({ body: 'x' }, { method }), /has no content/)
    t.same(content({ body: null }, { method }).body, null)
  }
})

t.test('content that Fastify has parsed: it is serialized anew', async t => {
  const parsed = { body: { a: 1 }, wasRead: true }
  t.same(content({}, { ...parsed, headers: { 'content-type': 'Application/JSON; charset=utf-8' } }), { body: Buffer.from('{"a":1}'), fields: ['Content-Length', '7', 'Content-Type', 'application/json'] })
  t.same(content({}, { ...parsed, headers: { 'content-type': 'a/b' }, encodes: new Set(['a/b']) }).body, Buffer.from('{"a":1}'))
  t.same(content({}, { body: 'text', wasRead: true }), { body: Buffer.from('text'), fields: ['Content-Length', '4', 'Content-Type', 'application/octet-stream'] })
  t.throws(() => content({}, { ...parsed, headers: { 'content-type': 'a/b' } }), TypeError)
})

t.test('content that was read: sent if it was kept as a stream, else none, and unread content is sent as it comes', async t => {
  t.same(content({}, { wasRead: true, body: false, headers: { 'content-length': '5' } }), { body: null })
  t.same(content({}), { body: null })
  const text = async (given: ContentCase) => Buffer.concat(await Readable.from(content({}, given).body as AsyncIterable<Buffer>).toArray()).toString()
  t.equal(await text({ wasRead: true, body: Readable.from([Buffer.from('kept')]), headers: {} }), 'kept')
  t.equal(await text({ headers: { 'content-length': '3' } }), 'raw')
})
