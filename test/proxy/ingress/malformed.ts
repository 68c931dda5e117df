import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import t from 'tap'
import { hadUserinfo, hideUserinfo, malformation } from '../../../lib/proxy/ingress/malformed.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'

interface Row { name: string, text: string, code?: string }
const get = (fields: string, version = '1.1') => `GET http://a.test/ HTTP/${version}\r\n${fields}\r\n`
const post = (fields: string, version = '1.1') => `POST http://a.test/ HTTP/${version}\r\nHost: a.test\r\n${fields}\r\n`
const BAD_REQUEST = 'FST_PROXY_AUTH_BAD_REQUEST'
const BAD_FIELD = 'FST_PROXY_AUTH_MALFORMED_FIELD'
const TOO_MANY = 'FST_PROXY_AUTH_TOO_MANY_FIELDS'
const LINES = 'a:\r\n'

const ROWS: Row[] = [
  { name: 'HTTP/1.1 with Host', text: get('Host: a.test:80\r\n') },
  { name: 'Host of another target: it is ignored (R-TGT-2)', text: get('Host: [2001:db8::1]:8080\r\n') },
  { name: 'HTTP/1.0 needs no Host', text: get('', '1.0') },
  { name: 'no Host (R-TGT-7)', text: get(''), code: BAD_REQUEST },
  { name: 'an empty Host (R-TGT-7)', text: get('Host:\r\n'), code: BAD_FIELD },
  { name: 'a Host with a path (R-TGT-7)', text: get('Host: a.test/b\r\n'), code: BAD_FIELD },
  { name: 'a Host with userinfo (R-TGT-7)', text: get('Host: a@b.test\r\n'), code: BAD_FIELD },
  { name: 'a Host that is none, in HTTP/1.0 (R-TGT-7)', text: get('Host: a b\r\n', '1.0'), code: BAD_FIELD },
  { name: 'HTTP/2.0 on the wire of HTTP/1 (R-TGT-9)', text: get('Host: a.test\r\n', '2.0'), code: BAD_REQUEST },
  { name: 'HTTP/0.9 (R-TGT-9)', text: get('Host: a.test\r\n', '0.9'), code: BAD_REQUEST },
  { name: 'a length', text: post('Content-Length: 3\r\n') },
  { name: 'a length of many zeros', text: post('Content-Length: 0000\r\n') },
  { name: 'a length that no number holds (R-MSG-3)', text: post('Content-Length: 9007199254740993\r\n'), code: BAD_REQUEST },
  { name: 'chunks', text: post('Transfer-Encoding: Chunked\r\n') },
  { name: 'chunks in HTTP/1.0 (R-MSG-2)', text: post('Transfer-Encoding: chunked\r\n', '1.0'), code: BAD_REQUEST },
  { name: 'gzip under chunks (R-MSG-2)', text: post('Transfer-Encoding: gzip, chunked\r\n'), code: BAD_REQUEST },
  { name: 'an empty member before chunked (R-MSG-2)', text: post('Transfer-Encoding: , chunked\r\n'), code: BAD_REQUEST },
  { name: 'as many lines as node reads', text: post(LINES.repeat(998)) },
  { name: 'more lines than node reads: the last frames the content (R-SEC-3)', text: post(`${LINES.repeat(1200)}Content-Length: 1\r\n`), code: TOO_MANY }
]
const CONNECT_ROWS: Row[] = [
  { name: 'CONNECT', text: 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n' },
  { name: 'CONNECT without content', text: 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n' },
  { name: 'CONNECT in HTTP/1.0 without Host (R-CONNECT-18)', text: 'CONNECT a.test:443 HTTP/1.0\r\n\r\n' },
  { name: 'CONNECT without Host (R-TGT-7)', text: 'CONNECT a.test:443 HTTP/1.1\r\n\r\n', code: BAD_REQUEST },
  { name: 'CONNECT with a length (R-CONNECT-12)', text: 'CONNECT a.test:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n', code: BAD_REQUEST },
  { name: 'CONNECT with chunks (R-CONNECT-12)', text: 'CONNECT a.test:443 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', code: BAD_REQUEST }
]

/** The next request; `null` where node has refused it, as newer releases do with too many lines. */
async function requestOf (server: Server, event = 'request'): Promise<IncomingMessage | null> {
  const refused = once(server, 'clientError').then(() => [null])
  const [request] = await Promise.race([once(server, event), refused]) as [IncomingMessage | null]
  return request
}

for (const [event, rows] of [['request', ROWS], ['connect', CONNECT_ROWS]] as const) {
  for (const { name, text, code } of rows) {
    t.test(name, async t => {
      // What node would refuse by itself is let through, to see that we would.
      const server = createServer({ requireHostHeader: false })
      const client = await RawClient.to(t, await listen(t, server))
      const asked = requestOf(server, event)
      client.send(text)
      const request = await asked
      if (request === null) return t.equal(code, TOO_MANY, 'node refuses it by itself')
      if (code === undefined) t.equal(malformation(request), null)
      else t.match(malformation(request), { code, statusCode: code === TOO_MANY ? 431 : 400 })
      request.socket.destroy()
    })
  }
}

// Node reads the setting by `<< 1`, and takes what is no number for none.
const LIMITS: Array<[most: unknown, lines: number, refused: boolean]> = [
  [0, 1200, false], [-1, 1200, false], [64, 64, true], [64, 63, false], [3, 3, true], [1, 1, true], [2000, 1999, false], [2000, 2000, true],
  [2.9, 2, true], [NaN, 1200, false], [2 ** 31, 1200, false], [2 ** 32 + 5, 5, true], [Infinity, 1200, false],
  [null, 1200, true], ['5000', 1200, true], ['3', 5, false]
]
for (const [most, lines, refused] of LIMITS) {
  t.test(`maxHeadersCount ${JSON.stringify(most)} (${String(most)}), ${lines} lines: ${refused ? 'refused' : 'let through'} (F-22)`, async t => {
    const server = createServer()
    server.maxHeadersCount = most as number
    const client = await RawClient.to(t, await listen(t, server))
    const asked = requestOf(server)
    client.send(`GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n${LINES.repeat(lines - 1)}\r\n`)
    const request = await asked
    t.equal(request === null || malformation(request) !== null, refused)
    client.socket.destroy()
  })
}

t.test('a request that comes from no server: is not refused', async t => {
  const injected = { httpVersionMajor: 1, httpVersion: '1.1', headers: { host: 'a.test' }, rawHeaders: ['Host', 'a.test'], socket: {} }
  t.equal(malformation(injected as unknown as IncomingMessage), null)
})

t.test('a message over HTTP/2: it needs no framing of its own, and is not refused', async t => {
  t.equal(malformation({ httpVersionMajor: 2, httpVersion: '2.0', headers: {}, stream: {} } as unknown as IncomingMessage), null)
})

t.test('Host over HTTP/2: it names what :authority names, or is not there (R-H2-6, R-CONNECT-12)', async t => {
  const over = (method: string, headers: Record<string, string>) =>
    malformation({ method, httpVersion: '2.0', httpVersionMajor: 2, headers, stream: {} } as unknown as IncomingMessage)
  const authority = 'a.test:443'
  for (const host of [authority, 'a.test', 'A.test.:443']) t.equal(over('CONNECT', { ':authority': authority, host }), null, host)
  t.equal(over('GET', { host: 'a.test' }), null)
  t.equal(over('CONNECT', { ':authority': authority, 'content-length': '0' }), null)
  t.equal(over('POST', { ':authority': authority, 'content-length': '3' }), null)
  for (const host of ['b.test', 'a.test:80', 'a b', '']) t.match(over('GET', { ':authority': authority, host }), { code: BAD_REQUEST }, host)
  t.match(over('GET', { ':authority': 'a b', host: 'a.test' }), { code: BAD_REQUEST })
  t.match(over('CONNECT', { ':authority': authority, 'content-length': '3' }), { code: BAD_REQUEST })
  t.match(over('GET', { ':authority': authority, ':protocol': 'websocket', 'content-length': '3' }), { code: BAD_REQUEST })
  t.equal(over('GET', { ':authority': authority, ':protocol': 'websocket' }), null)
})

t.test('userinfo in the host: it is removed from what may be proxied, and left in other requests (R-SEC-1)', async t => {
  const server = new EventEmitter()
  let logged: unknown
  server.on('request', ({ headers }: IncomingMessage) => { logged = { ...headers } })
  hideUserinfo(server as Server, () => false)
  hideUserinfo(server as Server, ({ url }) => url!.startsWith('/api'))
  t.equal(server.listenerCount('request'), 2, 'one listener, however many ask (F-39)')
  const ask = (url: string, headers: IncomingMessage['headers']) => {
    const request = { url, headers } as IncomingMessage
    server.emit('request', request)
    return hadUserinfo(request)
  }
  t.equal(ask('/api/x', { host: 'alice:canary@gw.test:80' }), true)
  t.strictSame(logged, { host: 'gw.test:80' })
  t.equal(ask('/api/x', { ':authority': 'alice:canary@gw.test' }), true)
  t.strictSame(logged, { ':authority': 'gw.test' })
  for (const [url, host] of [['/own', 'alice:canary@gw.test'], ['http://a.test/api', 'a@gw.test'], ['/api', 'gw.test']] as const) {
    t.equal(ask(url, { host }), false)
    t.strictSame(logged, { host })
  }
})
