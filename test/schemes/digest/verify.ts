import t from 'tap'
import { formatAuthenticationInfo } from '../../../lib/fields/authentication-info.js'
import { formatCredentials } from '../../../lib/fields/credentials.js'
import type { AuthParams } from '../../../lib/fields/auth-param.js'
import { DIGEST_ALGORITHMS } from '../../../lib/schemes/digest/algorithm.js'
import type { DigestAlgorithm } from '../../../lib/schemes/digest/algorithm.js'
import { computeHa1 } from '../../../lib/schemes/digest/response.js'
import { verifyResponse } from '../../../lib/schemes/digest/verify.js'
import type { DigestSecret, OfferedParameters } from '../../../lib/schemes/digest/verify.js'
import { algorithmOf, octets, offerFor, paramsOf, readOffered } from '../../fixtures/digest.js'
import type { DigestRow, LiveRow } from '../../fixtures/digest.js'
import { vectors } from '../../fixtures/vectors.js'

const rows = vectors<DigestRow>('digest')
const hashOf = (algorithm: DigestAlgorithm, content = ''): string => algorithm.digest(Buffer.from(content))
const readRow = ({ credentials, inputs }: DigestRow): OfferedParameters =>
  readOffered(octets(credentials, inputs.encoding), undefined, inputs.encoding === 'latin1')

t.test('the vectors: by password, by HA1, and what the answer says, to the byte (R-DIG-20, R-DIG-42, R-PAI-5, R-PAI-6, R-PAI-7, R-PAI-8, R-PAI-9)', async t => {
  for (const row of rows) {
    const { id, inputs: { username, password, method, body, response_body: answer, nextnonce }, expected } = row
    t.test(id, async t => {
      const params = readRow(row)
      const message = { method, contentHash: hashOf(params.algorithm, body) }
      for (const secret of [{ password }, { ha1: expected.ha1 }, { ha1: expected.ha1.toUpperCase() }]) {
        const exchange = verifyResponse(params, username, secret, message)
        const said = exchange?.authenticationInfo(hashOf(params.algorithm, answer)) ?? {}
        t.equal(formatAuthenticationInfo({ ...(nextnonce !== undefined && { nextnonce }), ...said }), row.proxy_authentication_info)
        t.match(exchange, { qop: row.inputs.qop, nodeHash: params.algorithm.nodeHash })
      }
      t.equal(verifyResponse(params, username, { password: `${password}x` }, message), null)
      t.equal(verifyResponse(params, `${username}x`, { password }, message), null)
      t.equal(verifyResponse(params, username, { password }, { ...message, method: 'X' }), null, 'another method')
      t.equal(verifyResponse(params, username, null, message), null, 'nobody of that name')
    })
  }
})

t.test('credentials that real clients have sent: they are judged as recorded (R-DIG-22, R-DIG-23, R-DIG-38, R-DIG-46)', async t => {
  for (const { id, username, password, request_line: line, request_body: body, credentials_octets_latin1: credentials, ...row } of vectors<LiveRow>('digest-live-captures')) {
    const params = readOffered(credentials)
    const message = { method: line.split(' ')[0]!, contentHash: hashOf(params.algorithm, body) }
    const exchange = verifyResponse(params, username, { password }, message)
    t.equal(exchange !== null, row.digest_matches, id)
    if (row.rspauth_empty_body !== undefined) t.equal(exchange?.authenticationInfo(hashOf(params.algorithm)).rspauth, row.rspauth_empty_body)
    if (id.endsWith('AUTHINT-POST-BUG')) t.ok(verifyResponse(params, username, { password }, { method: 'POST' }), 'it has hashed nothing')
  }
})

t.test('a password that is not in form C: it makes another response (R-DIG-42)', async t => {
  const [composed, decomposed] = ['DG-NFC', 'DG-NFD-INPUT'].map((id) => rows.find((row) => row.id === id)!) as [DigestRow, DigestRow]
  t.not(composed.inputs.password, decomposed.inputs.password)
  t.equal(verifyResponse(readRow(composed), 'alice', { password: decomposed.inputs.password }, { method: 'GET' }), null)
})

t.test('a name in ISO-8859-1: it is not taken for UTF-8 (R-DIG-40)', async t => {
  const row = rows.find(({ id }) => id === 'DG-LATIN1-USER')!
  t.throws(() => readOffered(octets(row.credentials, 'latin1')), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' })
  t.equal(verifyResponse(readOffered(octets(row.credentials)), row.inputs.username, { password: row.inputs.password }, { method: 'GET' }), null)
})

t.test('parameters that were not offered: they are refused (R-DIG-6, R-DIG-13, R-DIG-29, R-DIG-30, R-DIG-31, DGX-ALG-SWITCH, DGX-ALG-ABSENT, DGX-QOP-NOT-OFFERED, DGX-QOP-MISSING, DGX-REALM-CHANGED, DGX-OPAQUE-CHANGED)', async t => {
  const params = paramsOf(rows.find(({ id }) => id === 'DG-7616-SHA256')!.credentials)
  const offer = { ...offerFor(params), userhash: false }
  const compare = (changed: Partial<Record<string, string | undefined>>, changedOffer = {}): string => {
    const { ...all } = { ...params, ...changed }
    for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name]
    try {
      readOffered(formatCredentials({ scheme: 'Digest', params: all as AuthParams }), { ...offer, ...changedOffer })
      return 'offered'
    } catch (error) {
      return (error as Error).message
    }
  }
  t.equal(compare({}), 'offered')
  t.equal(compare({ algorithm: 'sha-256', qop: 'AUTH' }), 'offered', 'names in any case (R-PARSE-5)')
  t.equal(compare({ algorithm: 'MD5', response: 'ab'.repeat(16) }), 'refused for its algorithm')
  t.equal(compare({ algorithm: undefined, response: 'ab'.repeat(16) }), 'refused for its algorithm')
  t.equal(compare({ algorithm: 'SHA-256-sess' }), 'refused for its algorithm')
  t.equal(compare({ algorithm: 'SHA-1' }), 'refused for its algorithm')
  t.equal(compare({ realm: 'Http-auth@example.org' }), 'refused for its realm')
  t.equal(compare({ realm: '' }), 'refused for its realm')
  t.equal(compare({ opaque: 'zzz' }), 'refused for its opaque')
  t.equal(compare({ opaque: undefined }), 'refused for its opaque')
  t.equal(compare({ opaque: undefined }, { opaque: '' }), 'offered')
  t.equal(compare({ opaque: 'zzz' }, { opaque: '' }), 'refused for its opaque')
  t.equal(compare({ qop: 'auth-int' }), 'refused for its qop')
  t.equal(compare({ qop: 'auth-conf' }), 'refused for its qop')
  t.equal(compare({ qop: 'auth-int' }, { qop: ['auth', 'auth-int'] }), 'offered')
  t.equal(compare({ qop: undefined, nc: undefined, cnonce: undefined }), 'refused for its qop')
  t.equal(compare({ qop: undefined, nc: undefined, cnonce: undefined }, { rfc2069: true }), 'offered')
  t.equal(compare({ userhash: 'true', username: 'ab'.repeat(32) }), 'refused for its userhash')
  t.equal(compare({ userhash: 'true', username: 'ab'.repeat(32) }, { userhash: true }), 'offered')
  t.equal(compare({}, { userhash: true }), 'offered', 'a plain name is taken all the same (R-DIG-39)')
})

t.test('a response whose content was not hashed: its authentication info says so (R-PAI-8)', async t => {
  const row = rows.find(({ id }) => id === 'DG-AUTHINT-POST-SHA-256')!
  const params = readRow(row)
  const { method, body, password } = row.inputs
  const exchange = verifyResponse(params, row.inputs.username, { password }, { method, contentHash: hashOf(params.algorithm, body) })
  const { rspauth, ...rest } = exchange!.authenticationInfo()
  t.same(rest, { qop: 'auth', cnonce: row.inputs.cnonce, nc: row.inputs.nc })
  t.not(rspauth, row.expected.rspauth)
  t.not(rspauth, exchange!.authenticationInfo(hashOf(params.algorithm, 'x')).rspauth)
})

t.test('nc as it came: it is hashed and sent back in the same form (R-PAI-7, R-PAI-10)', async t => {
  for (const id of ['DG-NC-A', 'DG-NC-FF']) {
    const row = rows.find((row) => row.id === id)!
    const exchange = verifyResponse(readRow(row), row.inputs.username, { password: row.inputs.password }, { method: 'GET' })
    t.match(formatAuthenticationInfo(exchange!.authenticationInfo()), new RegExp(`, nc=${row.inputs.nc}$`))
  }
})

t.test('a wrong password, a wrong HA1 and no user at all: the same hashes are computed (R-407-12, S11)', async t => {
  for (const { name } of DIGEST_ALGORITHMS) {
    const algorithm = algorithmOf(name)
    const hashed = (secret: DigestSecret | null): number[] => {
      const lengths: number[] = []
      const digest = (octets: string | Uint8Array): string => {
        lengths.push(octets.length)
        return algorithm.digest(octets)
      }
      const counting = { ...algorithm, digest }
      const params: OfferedParameters = {
        username: 'alice', encoding: 'utf8', userhash: false, realm: 'lab', nonce: 'n', uri: '/', response: '0'.repeat(algorithm.hexLength), opaque: '', qop: 'auth', cnonce: 'c', nc: '00000001', count: 1, algorithm: counting
      }
      t.equal(verifyResponse(params, 'alice', secret, { method: 'GET' }), null)
      return lengths
    }
    const nobody = hashed(null)
    t.equal(nobody.length, algorithm.session ? 4 : 3)
    t.same(hashed({ password: 'x'.repeat(24) }), nobody)
    t.same(hashed({ ha1: computeHa1(algorithm, 'alice', 'lab', 'x') }), nobody)
  }
})

t.test('a secret that is not valid: it is an error of ours and no refusal (R-DIG-44, R-407-15)', async t => {
  const params = readRow(rows.find(({ id }) => id === 'DG-7616-SHA256')!)
  for (const secret of [{}, { ha1: '' }, { ha1: 'ab'.repeat(16) }, { ha1: `${'ab'.repeat(31)}ag` }, { ha1: `ga${'ab'.repeat(31)}` }, { ha1: 7 }, 'canary']) {
    t.throws(() => verifyResponse(params, 'Mufasa', secret as DigestSecret, { method: 'GET' }), TypeError)
  }
})
