import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import t from 'tap'
import { hideUserinfo } from '../../../lib/proxy/ingress/malformed.js'
import { writeHttp2Target } from '../../../lib/proxy/ingress/http2-target.js'

interface Written { url: string, headers: Record<string, string>, rawHeaders: string[] }

function written (headers: Record<string, string>, socket: object = {}): Written {
  const request = {
    method: headers[':method'] ?? 'GET', url: headers[':path'], headers: { ':scheme': 'https', ...headers }, rawHeaders: Object.entries(headers).flat(), socket
  }
  writeHttp2Target(request as unknown as IncomingMessage, authority => authority === 'own.test')
  return request as unknown as Written
}

t.test('a request over HTTP/2: one for another server gets the absolute-form, one for us stays (R-TGT-11, R-H2-7)', async t => {
  const rows: Array<[headers: Record<string, string>, encrypted: boolean, url: string]> = [
    [{ ':authority': 'own.test', ':path': '/x?y' }, true, '/x?y'],
    [{ ':authority': 'own.test', ':path': '*', ':method': 'OPTIONS' }, true, '*'],
    [{ ':authority': 'own.test', ':path': '/' }, false, '/'],
    [{ ':authority': 'own.test', ':path': '/', ':scheme': 'http' }, false, '/'],
    [{ ':authority': 'own.test', ':path': '/', ':scheme': 'http' }, true, 'http://own.test/'],
    [{ ':authority': 'own.test', ':path': '/', ':scheme': 'ftp' }, true, 'ftp://own.test/'],
    [{ ':authority': 'own.test', ':path': '/', ':scheme': 'ftp' }, false, 'ftp://own.test/'],
    [{ ':authority': 'a.test:81', ':path': '/x?y' }, true, 'https://a.test:81/x?y'],
    [{ ':authority': 'a.test', ':path': '*', ':method': 'OPTIONS', ':scheme': 'http' }, false, 'http://a.test'],
    [{ host: 'a.test', ':path': '/' }, true, 'https://a.test/'],
    [{ host: 'own.test', ':path': '/' }, true, '/']
  ]
  for (const [headers, encrypted, url] of rows) {
    t.equal(written(headers, encrypted ? { encrypted } : {}).url, url, JSON.stringify(headers))
  }
})

t.test('a CONNECT over HTTP/2: it gets the authority-form, for our own authority too (R-H2-1)', async t => {
  t.equal(written({ ':method': 'CONNECT', ':authority': 'own.test:443' }).url, 'own.test:443')
})

t.test('parts that are none, or that hold more than their part: refused, and not put together (F-26)', async t => {
  const BAD_TARGET = { code: 'FST_PROXY_AUTH_BAD_TARGET', statusCode: 400 }
  for (const authority of ['own.test', 'a.test']) {
    for (const path of ['http://b.test/x', 'https://b.test/', 'x', '', '*', '?x', '\\x']) {
      t.throws(() => written({ ':authority': authority, ':path': path }), BAD_TARGET, path)
      t.throws(() => written({ ':authority': authority, ':path': path, ':scheme': 'ftp' }), BAD_TARGET, path)
    }
  }
  for (const scheme of ['http://b.test/x?', '', '1', 'ht tp', 'http:', 'h\n']) {
    t.throws(() => written({ ':authority': 'a.test', ':path': '/', ':scheme': scheme }), BAD_TARGET, scheme)
  }
  for (const authority of ['b.test/x?', 'b.test?', 'b.test#', 'b.test\\']) t.throws(() => written({ ':authority': authority, ':path': '/' }), BAD_TARGET, authority)
})

t.test('userinfo in the authority: it is in the target only, which is refused for it (R-TGT-8, R-SEC-1)', async t => {
  for (const field of [':authority', 'host']) {
    const { url, headers, rawHeaders } = written({ [field]: 'u:canary@a.test', 'x-a': '1', ':path': '/' })
    t.equal(url, 'https://u:canary@a.test/')
    t.match(headers, { [field]: 'a.test' })
    t.strictSame(rawHeaders, [field, 'a.test', 'x-a', '1', ':path', '/'])
  }
})

t.test('userinfo that was taken out before, for the sake of a reverse route: refused all the same (F-69)', async t => {
  const server = new EventEmitter()
  hideUserinfo(server as Server, () => true)
  const request = { method: 'GET', url: '/', headers: { ':scheme': 'https', ':authority': 'u:canary@a.test' }, rawHeaders: [], socket: {} } as unknown as IncomingMessage
  server.emit('request', request)
  t.throws(() => writeHttp2Target(request, () => false), { code: 'FST_PROXY_AUTH_BAD_TARGET' })
  t.equal(request.url, '/')
})
