import { Socket } from 'node:net'
import t from 'tap'
import { isReadable, linesOf, requestView } from '../../lib/passport/request-view.js'

const socket = new Socket()
const raw = {
  method: 'GET',
  httpVersion: '1.1',
  socket,
  url: '/admin?access_token=x',
  headers: {
    host: 'origin.test',
    'user-agent': 'curl/8',
    authorization: 'Bearer of-the-origin',
    'proxy-authorization': 'Basic dTpw',
    cookie: 'sid=1',
    'x-api-key': 'of-the-origin',
    'x-proxy-key': 'ours',
    'sec-websocket-protocol': 'token'
  },
  cookies: { sid: '1' },
  session: {},
  user: { username: 'mallory' },
  body: { access_token: 'x' },
  query: { access_token: 'x' }
}

t.test('credentials for the proxy and for the origin: the view has the former as authorization, nothing of the latter (R-MAP-1, R-CRED-4)', async t => {
  const view = requestView(raw, 'Basic dTpw', 'http://origin.test/p?access_token=x', '192.0.2.1', [])
  t.same(view.headers, { host: 'origin.test', 'user-agent': 'curl/8', authorization: 'Basic dTpw' })
  t.same(Object.keys(view).sort(), [
    'body', 'connection', 'get', 'header', 'headers', 'httpVersion', 'ip', 'method', 'originalUrl', 'params', 'query',
    'socket', 'url'
  ])
  t.same([view.query, view.params, view.body], [{}, {}, {}])
  t.equal(raw.headers.authorization, 'Bearer of-the-origin', 'the request itself stays as it is')
})

t.test('no credentials: there is no authorization, not even an empty one (S49)', async t => {
  t.notOk('authorization' in requestView(raw, undefined, '/', '192.0.2.1', []).headers)
})

t.test('the other members of a view: they are those of the request', async t => {
  const view = requestView(raw, undefined, 'origin.test:443', '192.0.2.1', [])
  t.match(view, { method: 'GET', url: 'origin.test:443', originalUrl: 'origin.test:443', httpVersion: '1.1', ip: '192.0.2.1' })
  t.equal(view.socket, socket)
  t.equal(view.connection, socket)
  t.equal(requestView({ ...raw, method: undefined }, undefined, '/', '', []).method, '')
})

t.test('a field that may carry credentials: it is visible only when it is declared (R-CRED-4)', async t => {
  t.same(requestView(raw, undefined, '/', '', ['x-proxy-key', 'x-absent']).headers, {
    host: 'origin.test', 'user-agent': 'curl/8', 'x-proxy-key': 'ours'
  })
})

t.test('fields that carry no credentials, and unknown ones: every strategy sees the former only', async t => {
  const harmless = Object.fromEntries([
    'accept', 'accept-charset', 'accept-datetime', 'accept-encoding', 'accept-language', 'access-control-request-headers', 'access-control-request-method',
    'cache-control', 'connection', 'content-digest', 'content-disposition', 'content-encoding', 'content-language', 'content-length', 'content-location',
    'content-md5', 'content-type', 'date', 'digest', 'dnt', 'expect', 'forwarded', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range',
    'if-unmodified-since', 'keep-alive', 'max-forwards', 'origin', 'pragma', 'prefer', 'priority', 'proxy-connection', 'range', 'referer', 'repr-digest',
    'sec-fetch-dest', 'sec-fetch-mode', 'sec-fetch-site', 'sec-fetch-user', 'sec-gpc', 'te', 'traceparent', 'tracestate', 'trailer', 'transfer-encoding',
    'upgrade', 'upgrade-insecure-requests', 'user-agent', 'via', 'want-content-digest', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port',
    'x-forwarded-proto', 'x-request-id'
  ].map(name => [name, name]))
  const others = { dpop: 'x', 'x-access-token': 'x', 'proxy-authorization': 'x', authorization: 'x', cookie: 'x', 'x-forwarded-user': 'x', 'set-cookie': ['x'], '': 'x' }
  t.strictSame(requestView({ ...raw, headers: { ...harmless, ...others } }, undefined, '/', '', []).headers, harmless)
})

t.test('a request over HTTP/2: its authority is the host', async t => {
  const headers = { ':authority': 'origin.test', ':path': '/', accept: '*/*' }
  t.same(requestView({ ...raw, headers }, undefined, '/', '', []).headers, { host: 'origin.test', accept: '*/*' })
  t.same(requestView({ ...raw, headers: { ':authority': 'a.test', host: 'b.test' } }, undefined, '/', '', []).headers, { host: 'b.test' })
})

t.test('a copy of a view: it works, get() included, as all members are its own and enumerable', async t => {
  const copy = { ...requestView(raw, 'Basic dTpw', '/', '', []) }
  t.equal(copy.get('Authorization'), 'Basic dTpw')
  t.equal(copy.header('HOST'), 'origin.test')
  t.equal(copy.get('cookie'), undefined)
})

t.test('a strategy that writes to its view: the request and other views stay as they are', async t => {
  const view = requestView(raw, undefined, '/', '', []) as unknown as Record<string, Record<string, string>>
  for (const member of ['headers', 'query', 'body', 'params']) Object.assign(view[member] as object, { host: 'x', mine: 'x' })
  const other = requestView(raw, undefined, '/', '', [])
  t.equal(raw.headers.host, 'origin.test')
  t.equal(other.headers.host, 'origin.test')
  t.same([other.query, other.body, other.params], [{}, {}, {}])
})

t.test('fields that are for the origin, or frame the message: they cannot be declared (R-CRED-4)', async t => {
  for (const name of [
    'authorization', 'connection', 'content-length', 'cookie', 'host', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'
  ]) t.equal(isReadable(name), false, name)
  t.equal(isReadable('x-proxy-key'), true)
})

t.test('fields that are asked for: the view has their lines, as they came (R-AWS-3)', async t => {
  const rawHeaders = ['Host', 'Origin.test', 'X-A', ' 1', 'Cookie', 'sid=1', 'x-a', '2']
  t.same({ ...linesOf({ ...raw, rawHeaders }, ['host', 'x-a', 'absent', '__proto__']) }, { host: ['Origin.test'], 'x-a': [' 1', '2'] })
  t.same({ ...linesOf(raw, ['host']) }, {}, 'of a request without any')
  const overHttp2 = { ...raw, rawHeaders: [':method', 'GET', ':authority', 'origin.test', 'x-a', '1'] }
  t.same({ ...linesOf(overHttp2, ['host', 'x-a']) }, { host: ['origin.test'], 'x-a': ['1'] })
  t.same({ ...linesOf(overHttp2, ['x-a', ':method']) }, { 'x-a': ['1'], ':method': ['GET'] })
  t.same({ ...linesOf({ ...raw, rawHeaders: [':authority', 'a.test', 'host', 'b.test'] }, ['host']) }, { host: ['b.test'] })
})
