import { createHash } from 'node:crypto'
import t from 'tap'
import { canonicalPath, canonicalQuery, canonicalRequest } from '../../../lib/schemes/aws4/canonical-request.js'
import type { Aws4Row } from '../../fixtures/aws4.js'
import { vectors } from '../../fixtures/vectors.js'

const sha256 = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex')

t.test('the vectors: their canonical requests are right (R-AWS-3)', async t => {
  for (const { id, inputs: { method, uri, query, headers, signed, payload }, expected } of vectors<Aws4Row>('aws4')) {
    const fields = signed.map(name => [name, [headers[name]!]] as const)
    const request = { method, path: uri, query, fields, payload: sha256(payload) }
    t.equal(sha256(canonicalRequest(request, true)), expected.canonical_request_sha256, id)
    t.equal(sha256(canonicalRequest(request, false)), expected.canonical_request_sha256, `${id}, a path that says the same both ways`)
  }
})

t.test('a path: empty and dot segments are taken out, and it is escaped once more (R-AWS-3)', async t => {
  for (const [path, canonical] of [
    ['/', '/'], ['//', '/'], ['/a', '/a'], ['/a/', '/a/'], ['/a//b', '/a/b'], ['/./a/./', '/a/'], ['/a/../b', '/b'], ['/a/..', '/'], ['/..', '/'],
    ['/../../a', '/a'], ['/a/.', '/a'], ['/a%20b', '/a%2520b'], ['/a%2520b', '/a%252520b'], ['/~-._', '/~-._'], ["/!'()*", '/%21%27%28%29%2A'],
    ['/%2E%2E/a', '/%252E%252E/a'], ['/\u00e9', '/%E9'], ['/a+b;c=d@e:f', '/a%2Bb%3Bc%3Dd%40e%3Af'], ['*', '/%2A'], ['/\t', '/%09']
  ] as const) t.equal(canonicalPath(path), canonical, path)
})

t.test('a query: it is normalised octet by octet, and sorted (R-AWS-3)', async t => {
  for (const [query, canonical] of [
    ['', ''], ['a', 'a='], ['a=', 'a='], ['&&a=1&', 'a=1'], ['b=2&a=1', 'a=1&b=2'], ['a=2&a=1&a=10', 'a=1&a=10&a=2'], ['a=b=c', 'a=b%3Dc'],
    ['a=%7e%41', 'a=~A'], ['a=+', 'a=%2B'], ['a=%20', 'a=%20'], ['a=/?:@', 'a=%2F%3F%3A%40'], ['a=%zz', 'a=%25zz'], ['a=%2', 'a=%252'], ['=1', '=1'],
    ['A=1&a=1&B=1', 'A=1&B=1&a=1'], ['a-=1&a=1', 'a=1&a-=1'], ['%C3%A9=\u00c3\u00a9', '%C3%A9=%C3%A9'], ['a=1&a=1', 'a=1&a=1']
  ] as const) t.equal(canonicalQuery(query), canonical, query)
})

t.test('fields: all their lines count, without spaces around them, and with one space in place of several (R-AWS-3)', async t => {
  const fields = [['host', ['o']], ['x-a', ['  a   b\t c ', 'd', ' ', '']], ['x-b', ['\u00a0']], ['x-c', [' a', 'b ']]] as const
  t.equal(canonicalRequest({ method: 'get', path: '/a//b', query: '', fields, payload: 'UNSIGNED-PAYLOAD' }, false),
    'get\n/a//b\n\nhost:o\nx-a:a b c,d,,\nx-b:\u00a0\nx-c:a,b\n\nhost;x-a;x-b;x-c\nUNSIGNED-PAYLOAD')
})
