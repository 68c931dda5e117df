import t from 'tap'
import { isSignedTarget } from '../../../lib/schemes/digest/uri-match.js'
import { LONG_TEXTS } from '../../fixtures/field-text.js'
import { vectors } from '../../fixtures/vectors.js'

interface Row { id: string, request_line: string, host: string, digest_uri: string, expected: string, note?: string }

const isSigned = (uri: string, method: string, target: string, host: string | undefined = 'gw.example', encrypted = false): boolean =>
  isSignedTarget(uri, { method, target, host, encrypted })

t.test('the vectors: the URI matches the target where it should (R-DIG-24, R-DIG-25)', async t => {
  for (const { id, request_line: line, host, digest_uri: uri, expected, note } of vectors<Row>('digest-uri-match')) {
    const [method, target] = line.split(' ') as [string, string]
    t.equal(isSigned(uri, method, target, host), expected === 'match', `${id}: ${uri} for ${line}, ${note ?? ''}`)
  }
})

t.test('absolute-form: the whole, in any spelling of its authority, or path and query (R-DIG-25)', async t => {
  const target = 'http://Origin.test:8080/a?b=c'
  for (const uri of [target, 'http://origin.test:8080/a?b=c', 'HTTP://ORIGIN.TEST:8080/a?b=c', '/a?b=c']) {
    t.ok(isSigned(uri, 'GET', target), uri)
  }
  for (const uri of [
    'https://origin.test:8080/a?b=c', 'http://origin.test/a?b=c', 'http://other.test:8080/a?b=c', 'http://origin.test:8080/A?b=c',
    'http://origin.test:8080/a?b=C', 'http://origin.test:8080/a', '/a', '/a?b=c#d', 'http://u:p@origin.test:8080/a?b=c',
    'origin.test:8080', '//origin.test:8080/a?b=c', '/%61?b=c', '/a/../a?b=c', ' /a?b=c', '/a?b=c ', '*', ''
  ]) t.notOk(isSigned(uri, 'GET', target), uri)
})

t.test('the target of an upgrade by ws or wss: in any of its spellings, or path and query (F-56)', async t => {
  for (const uri of ['ws://a.test/x', 'http://a.test/x', 'ws://A.test:80/x', '/x']) t.ok(isSigned(uri, 'GET', 'ws://a.test/x'), uri)
  for (const uri of ['wss://a.test/x', 'https://a.test/x', 'ws://b.test/x', '/y']) t.notOk(isSigned(uri, 'GET', 'ws://a.test/x'), uri)
})

t.test('an address in any case, with the port of the scheme or without it: it is the same', async t => {
  t.ok(isSigned('https://[2001:db8::a]/', 'GET', 'https://[2001:DB8::A]:443'))
  t.ok(isSigned('/?q', 'GET', 'http://origin.test?q'))
  t.ok(isSigned('http://origin.test', 'GET', 'http://origin.test/'))
  t.notOk(isSigned('https://origin.test/', 'GET', 'http://origin.test:443/'))
})

t.test('CONNECT: host and port and nothing else (R-DIG-25)', async t => {
  t.ok(isSigned('origin.test:443', 'CONNECT', 'Origin.TEST:443'))
  t.ok(isSigned('[::1]:443', 'CONNECT', '[0:0:0:0:0:0:0:1]:443') === false, 'addresses are not computed with')
  for (const uri of ['origin.test:80', 'origin.test', 'other.test:443', '/', '*', 'https://origin.test:443/', 'https://origin.test:443', '']) {
    t.notOk(isSigned(uri, 'CONNECT', 'origin.test:443'), uri)
  }
  t.notOk(isSigned('origin.test:443', 'GET', '/'), 'and only there')
})

t.test('origin-form: path and query, or the absolute URI of this host (R-DIG-25)', async t => {
  const target = '/a?b=c'
  t.ok(isSigned('https://gw.example/a?b=c', 'GET', target), 'TLS may have ended before us')
  t.ok(isSigned('https://gw.example/a?b=c', 'GET', target, 'GW.example:443', true))
  t.ok(isSigned('http://gw.example:8080/a?b=c', 'GET', target, 'gw.example:8080'))
  t.notOk(isSigned('http://gw.example/a?b=c', 'GET', target, 'gw.example', true), 'it has not ended before us')
  t.notOk(isSigned('http://gw.example:8080/a?b=c', 'GET', target))
  t.notOk(isSigned('http://other.test/a?b=c', 'GET', target))
  for (const host of ['', 'a b', 'u@gw.example']) t.notOk(isSigned('http://gw.example/a?b=c', 'GET', target, host), host)
  t.notOk(isSignedTarget('http://unknown/a?b=c', { method: 'GET', target, host: undefined, encrypted: false }), 'no Host, as in HTTP/1.0')
})

t.test('the asterisk: it is a path like others (R-DIG-25)', async t => {
  t.ok(isSigned('*', 'OPTIONS', '*'))
  t.ok(isSigned('http://gw.example', 'OPTIONS', '*'), 'RFC 9112, 3.2.4')
  t.ok(isSigned('*', 'OPTIONS', 'http://origin.test'))
  t.notOk(isSigned('/', 'OPTIONS', '*'))
  t.notOk(isSigned('*', 'OPTIONS', '/'))
  t.notOk(isSigned('*', 'GET', '/'))
})

t.test('a target that we would not serve: it is signed by itself alone', async t => {
  t.ok(isSigned('/a#b', 'GET', '/a#b'))
  t.notOk(isSigned('http://gw.example/a#b', 'GET', '/a#b'))
  t.notOk(isSigned('', 'GET', ''))
  t.notOk(isSigned('/', '', '/'), 'nor for no method, which is how an answer is signed')
})

t.test('64 KiB of anything: it is no match, and takes no time', async t => {
  const start = process.cpuUsage()
  for (const text of LONG_TEXTS) for (const prefix of ['', '/', 'http://', '/?']) t.notOk(isSigned(prefix + text, 'GET', '/x'))
  t.ok(process.cpuUsage(start).user < 2_000_000)
})
