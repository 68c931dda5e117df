import t from 'tap'
import { signAws4 } from '../../../lib/schemes/aws4/client.js'
import { readSigningTime } from '../../../lib/schemes/aws4/date.js'
import { ALICE_SIGNS } from '../../fixtures/aws4.js'
import type { Aws4Row } from '../../fixtures/aws4.js'
import { vectors } from '../../fixtures/vectors.js'

t.test('the vectors: the credentials are right to the byte (R-AWS-3)', async t => {
  for (const { id, inputs, expected } of vectors<Aws4Row>('aws4')) {
    const { method, uri, query, headers, payload: content, date, region, service, access_key: accessKeyId, secret_key: secretAccessKey } = inputs
    const signed = signAws4(
      { method, target: query === '' ? uri : `${uri}?${query}`, headers, content, time: readSigningTime(date)! },
      { accessKeyId, secretAccessKey, region, service }
    )
    t.same(signed, { 'proxy-authorization': expected.credentials, 'x-amz-date': date }, id)
  }
})

t.test('fields that are added: they are signed as well, and for CONNECT the target is the host (R-AWS-8)', async t => {
  const request = { method: 'CONNECT', target: 'origin.test:443', headers: {}, time: 0 }
  const plain = signAws4(request, ALICE_SIGNS)
  t.match(plain['proxy-authorization'], /^AWS4-HMAC-SHA256 Credential=alice\/19700101\/local\/proxy\/aws4_request, SignedHeaders=host;x-amz-date, Signature=/)
  t.same(signAws4({ ...request, headers: { Host: ['origin.test:443'] } }, ALICE_SIGNS), plain)
  const more = signAws4({ ...request, content: null }, { ...ALICE_SIGNS, sessionToken: 'token' })
  t.match(more, {
    'x-amz-date': '19700101T000000Z',
    'x-amz-security-token': 'token',
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    'proxy-authorization': /SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,/
  })
})

t.test('a field of several lines, a path with escapes: signed as one, escaped once more unless the service does not (R-AWS-3)', async t => {
  const request = { method: 'GET', target: '/a%20b', headers: { host: 'a', 'x-a': ['1', '2'] }, time: 0 }
  const signed = signAws4(request, ALICE_SIGNS)
  t.same(signAws4({ ...request, headers: { host: 'a', 'x-a': '1,2' } }, ALICE_SIGNS), signed)
  t.same(signAws4(request, { ...ALICE_SIGNS, escapePath: true }), signed)
  t.notSame(signAws4(request, { ...ALICE_SIGNS, escapePath: false }), signed)
})

t.test('no time is given: the request is signed for now', async t => {
  const before = Math.floor(Date.now() / 1000) * 1000
  const { 'x-amz-date': time = '' } = signAws4({ method: 'GET', target: '/', headers: { host: 'a' } }, ALICE_SIGNS)
  t.ok(readSigningTime(time)! >= before && readSigningTime(time)! <= Date.now())
})

t.test('a request that cannot be signed: it is refused by the signer before any proxy sees it', async t => {
  const code = 'FST_PROXY_AUTH_NOT_REPRESENTABLE'
  t.throws(() => signAws4({ method: 'GET', target: 'http://a.test/', headers: { host: 'b.test' } }, ALICE_SIGNS), { code })
  t.throws(() => signAws4({ method: 'GET', target: '/', headers: {} }, ALICE_SIGNS), { code })
  t.throws(() => signAws4({ method: 'GET', target: '/', headers: { host: 'a', 'x y': 'z' } }, ALICE_SIGNS), { code })
  t.throws(() => signAws4({ method: 'GET', target: '/', headers: { host: 'a' } }, { ...ALICE_SIGNS, accessKeyId: 'a,b' }), { code })
})
