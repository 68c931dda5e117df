import { createHash } from 'node:crypto'
import t from 'tap'
import { HASH_OF_NOTHING, signRequest, signingKey, stringToSign } from '../../../lib/schemes/aws4/signature.js'
import type { Aws4Row } from '../../fixtures/aws4.js'
import { vectors } from '../../fixtures/vectors.js'

t.test('the vectors: text to sign, key and signature (R-AWS-3, R-AWS-5)', async t => {
  for (const { id, inputs, expected } of vectors<Aws4Row>('aws4')) {
    const { method, uri, query, headers, signed, payload, date, region, service, secret_key: secret } = inputs
    const request = {
      method, path: uri, query, fields: signed.map(name => [name, [headers[name]!]] as const), payload: createHash('sha256').update(payload).digest('hex')
    }
    const context = { day: date.slice(0, 8), region, service, time: date, escapePath: true }
    t.equal(stringToSign(request, context), expected.string_to_sign, id)
    t.equal(signingKey(context, secret).toString('hex'), expected.signing_key_hex, id)
    t.equal(signRequest(request, context, secret), expected.signature, id)
  }
})

t.test('octets beyond ASCII: they are hashed as they are on the wire', async t => {
  const request = { method: 'GET', path: '/', query: '', fields: [['host', ['a']], ['x-a', ['\u00e9']]] as const, payload: HASH_OF_NOTHING }
  const text = stringToSign(request, { day: '20261121', region: 'local', service: 'proxy', time: '20261121T084937Z', escapePath: true })
  const canonical = `GET\n/\n\nhost:a\nx-a:\u00e9\n\nhost;x-a\n${HASH_OF_NOTHING}`
  t.equal(text.split('\n').at(-1), createHash('sha256').update(canonical, 'latin1').digest('hex'))
})

t.test('the hash for no content: it is the hash of nothing', async t => {
  t.equal(HASH_OF_NOTHING, createHash('sha256').digest('hex'))
})
