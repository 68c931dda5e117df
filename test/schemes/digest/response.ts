import t from 'tap'
import { computeHa1, computeKey, computeResponse, computeUserhash } from '../../../lib/schemes/digest/response.js'
import { algorithmOf } from '../../fixtures/digest.js'
import type { DigestRow } from '../../fixtures/digest.js'
import { vectors } from '../../fixtures/vectors.js'

t.test('the vectors: the hashes of request and response are right (R-DIG-21, R-DIG-22, R-DIG-23, R-DIG-38, R-DIG-42, R-PAI-9)', async t => {
  for (const { id, source, inputs, expected } of vectors<DigestRow>('digest')) {
    t.test(`${id}: ${source}`, async t => {
      const { username, realm, password, method, uri, nonce, cnonce, nc, qop, encoding, body = '', response_body: answer = '' } = inputs
      const algorithm = algorithmOf(inputs.algorithm)
      const ha1 = computeHa1(algorithm, username, realm, password, encoding)
      t.equal(ha1, expected.ha1)
      const key = computeKey(algorithm, ha1, nonce, cnonce)
      t.equal(key, expected.ha1_session ?? expected.ha1)
      const [ofRequest, ofAnswer] = [algorithm.digest(Buffer.from(body)), algorithm.digest(Buffer.from(answer))]
      if (qop === 'auth-int') t.same([ofRequest, ofAnswer], [expected.entity_hash_request, expected.entity_hash_response])
      const input = { uri, nonce, cnonce, nc, qop }
      t.equal(computeResponse(algorithm, key, { ...input, method, contentHash: ofRequest }), expected.response)
      t.equal(computeResponse(algorithm, key, { ...input, method: '', contentHash: ofAnswer }), expected.rspauth)
      if (expected.userhash !== undefined) t.equal(computeUserhash(algorithm, username, realm), expected.userhash)
    })
  }
})

t.test('the values that RFC 7616 prints for SHA-512-256: the computed ones differ from them (R-DIG-12)', async t => {
  interface Printed { id: string, presented: { userhash: string, response: string }, inputs: DigestRow['inputs'] }
  const { inputs, presented } = vectors<Printed>('digest-reject').find(({ id }) => id === 'DGX-7616-AS-PRINTED')!
  const algorithm = algorithmOf(inputs.algorithm)
  const key = computeHa1(algorithm, inputs.username, inputs.realm, inputs.password)
  t.not(computeResponse(algorithm, key, inputs), presented.response)
  t.not(computeUserhash(algorithm, inputs.username, inputs.realm), presented.userhash)
})

t.test('no content: it is hashed as nothing, and qop goes in as it is written', async t => {
  const algorithm = algorithmOf('SHA-256')
  const input = { method: 'GET', uri: '/', nonce: 'n', nc: '00000001', cnonce: 'c', qop: 'auth-int' }
  t.equal(computeResponse(algorithm, 'k', input), computeResponse(algorithm, 'k', { ...input, contentHash: algorithm.digest('') }))
  t.not(computeResponse(algorithm, 'k', input), computeResponse(algorithm, 'k', { ...input, qop: 'AUTH-INT' }))
  t.not(computeResponse(algorithm, 'k', { ...input, qop: 'AUTH-INT' }), computeResponse(algorithm, 'k', { ...input, qop: 'AUTH-INT', contentHash: 'x' }))
})

t.test('values that are missing: they count as nothing', async t => {
  const algorithm = algorithmOf('MD5-sess')
  t.equal(computeKey(algorithm, 'h', 'n', undefined), computeKey(algorithm, 'h', 'n', ''))
  const input = { method: 'GET', uri: '/', nonce: 'n', qop: 'auth' }
  t.equal(computeResponse(algorithm, 'k', input), computeResponse(algorithm, 'k', { ...input, nc: '', cnonce: '' }))
})
