import t from 'tap'
import fc from 'fast-check'
import { formatAuthenticationInfo } from '../../../lib/fields/authentication-info.js'
import { formatChallenge } from '../../../lib/fields/challenge.js'
import type { Challenge } from '../../../lib/fields/challenge.js'
import { DIGEST_ALGORITHMS } from '../../../lib/schemes/digest/algorithm.js'
import { digestChallenge } from '../../../lib/schemes/digest/challenge.js'
import { answerDigestChallenge } from '../../../lib/schemes/digest/client.js'
import type { DigestRequest } from '../../../lib/schemes/digest/client.js'
import { computeHa1 } from '../../../lib/schemes/digest/response.js'
import { verifyResponse } from '../../../lib/schemes/digest/verify.js'
import { octets, paramsOf, readOffered } from '../../fixtures/digest.js'
import type { DigestRow } from '../../fixtures/digest.js'
import { quotable } from '../../fixtures/field-text.js'
import { vectors } from '../../fixtures/vectors.js'

const request: DigestRequest = { username: 'alice', password: 'alice-secret', method: 'GET', uri: '/', nc: 1, cnonce: 'c' }
const answer = (challenges: string | readonly string[], changed: Partial<DigestRequest> = {}) =>
  answerDigestChallenge(challenges, { ...request, ...changed })
const paramsFor = (challenges: string | readonly string[], changed?: Partial<DigestRequest>) =>
  paramsOf(answer(challenges, changed)?.credentials ?? 'Digest')
const digest = (rest: string) => `Digest realm="lab", nonce="n"${rest}`

t.test('the vectors: credentials to the byte, and the answer is right (R-DIG-21, R-DIG-22, R-DIG-38, R-PAI-6, R-PAI-9)', async t => {
  for (const { id, inputs, expected, credentials, proxy_authentication_info: info } of vectors<DigestRow>('digest')) {
    if (inputs.encoding === 'latin1') continue // we do not guess encodings
    t.test(id, async t => {
      const { algorithm, username, password, realm, nonce, opaque, qop, method, uri, nc = '00000001', cnonce = 'unused', body, response_body: content } = inputs
      const challenge: Challenge = {
        scheme: 'Digest',
        params: {
          realm,
          nonce,
          ...(algorithm !== null && { algorithm }),
          ...(qop !== undefined && { qop: `auth,${qop}` }),
          ...(opaque !== undefined && { opaque }),
          ...(expected.userhash !== undefined && { userhash: 'true' })
        }
      }
      const answer = answerDigestChallenge([challenge], {
        username, password, method, uri, nc: parseInt(nc, 16), cnonce, ...(qop !== undefined && { qop }), ...(body !== undefined && { content: body })
      })!
      if (/[^\0-\x7f]/.test(username) && expected.userhash === undefined) {
        t.equal(paramsOf(answer.credentials).response, expected.response)
      } else t.equal(answer.credentials, octets(credentials))
      const { next, ...verdict } = answer.verify(info, content)
      t.same(verdict, { rspauth: 'right', qop })
      t.equal(next?.params?.nonce, inputs.nextnonce)
      t.equal(answer.verify(info.replace(/(rspauth=".{31})./, '$1x'), content).rspauth, 'wrong')
      if (qop === 'auth-int') t.equal(answer.verify(info, `${content}x`).rspauth, 'wrong', 'another content')
    })
  }
})

t.test('charset=UTF-8 in the challenge: name and password are put in form C (R-DIG-42)', async t => {
  const [composed, decomposed] = ['DG-NFC', 'DG-NFD-INPUT'].map((id) => vectors<DigestRow>('digest').find((row) => row.id === id)!) as [DigestRow, DigestRow]
  const { realm, nonce, cnonce } = composed.inputs
  const challenge = `Digest realm="${realm}", nonce="${nonce}", algorithm=SHA-256, qop="auth"`
  const response = (charset: string): string | undefined => paramsFor(`${challenge}${charset}`, { ...decomposed.inputs, nc: 1, cnonce: cnonce! } as DigestRequest).response
  t.equal(response(', charset=utf-8'), composed.expected.response)
  t.equal(response(''), decomposed.expected.response)
})

t.test('challenges with several algorithms: the strongest is taken, the first of two alike, or none (R-DIG-10)', async t => {
  const lines = DIGEST_ALGORITHMS.map(({ name }) => digest(`, algorithm=${name}`))
  t.equal(paramsFor([...lines].reverse()).algorithm, 'SHA-512-256-sess')
  t.equal(paramsFor(lines.slice(3)).algorithm, 'SHA-256')
  t.equal(paramsFor([digest(', algorithm=MD5'), digest(', algorithm=SHA-256')]).algorithm, 'SHA-256')
  t.equal(paramsFor([digest(', opaque="1"'), digest(', opaque="2"')]).opaque, '1')
  t.equal(paramsFor(lines, { algorithms: ['MD5', 'SHA-256'] }).algorithm, 'SHA-256')
  t.equal(answer(digest(', algorithm=MD5'), { algorithms: ['SHA-256'] }), null)
  t.equal(paramsFor(digest('')).algorithm, undefined, 'as it was not asked with (R-DIG-13)')
})

t.test('challenges that the client cannot use: they are passed over (R-PARSE-9)', async t => {
  for (const challenges of [
    'Basic realm="lab"', 'NTLM', 'Digest', 'Digest realm="lab"', 'Digest nonce="n"', digest(', algorithm=SHA-1'), digest(', qop="auth-conf"'), digest(', qop=""')
  ]) t.equal(answer(challenges), null, challenges)
  t.equal(paramsFor(['NTLM', `Basic realm="x", ${digest(', algorithm=SHA-1')}`, digest(', opaque="3"')]).opaque, '3')
  t.equal(answerDigestChallenge([], request), null)
  t.throws(() => answer('Digest realm="'), { code: 'FST_PROXY_AUTH_MALFORMED_FIELD' })
})

t.test('a choice of qop: it is auth, unless auth-int is asked for or is the only one (R-DIG-18, R-DIG-19)', async t => {
  t.equal(paramsFor(digest(', qop="auth,auth-int"')).qop, 'auth')
  t.equal(paramsFor(digest(', qop="auth-int , AUTH"')).qop, 'auth')
  t.equal(paramsFor(digest(', qop="auth, auth-int"'), { qop: 'auth-int' }).qop, 'auth-int')
  t.equal(paramsFor(digest(', qop=auth'), { qop: 'auth-int' }).qop, 'auth')
  t.equal(paramsFor(digest(', qop="auth-int"')).qop, 'auth-int')
  t.match(paramsFor(digest('')), { qop: undefined, nc: undefined, cnonce: undefined })
  t.match(paramsFor(digest(', algorithm=MD5-sess')), { qop: undefined, cnonce: 'c' })
})

t.test('a name that is not ASCII: it is sent as its hash, or as username* (R-DIG-28, R-DIG-38)', async t => {
  const username = 'J\u00e4s\u00f8n'
  t.match(paramsFor(digest(', charset=UTF-8'), { username }), { username: undefined, 'username*': "UTF-8''J%C3%A4s%C3%B8n" })
  t.match(paramsFor(digest(', userhash=true'), { username }), { username: /^[0-9a-f]{32}$/, userhash: 'true', 'username*': undefined })
  t.match(paramsFor(digest(', userhash=false')), { username: 'alice', userhash: undefined })
})

t.test('a value that cannot be sent: it is refused, and not sent (R-PARSE-7)', async t => {
  for (const changed of [{ username: 'a\r\n' }, { username: '\u00e4\n' }, { cnonce: 'a\0' }, { uri: '/\u0100' }, { nc: 0 }, { nc: 2 ** 32 }, { nc: 1.5 }]) {
    t.throws(() => answer(digest(', qop=auth'), changed), { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' }, JSON.stringify(changed))
  }
})

t.test('nextnonce: it makes the next challenge, counted from 1 (R-DIG-49, R-DIG-52)', async t => {
  const first = answer(digest(', qop="auth", opaque="o"'))!
  t.equal(paramsOf(answerDigestChallenge([first.challenge], { ...request, nc: 2 })!.credentials).nc, '00000002')
  const { next, rspauth } = first.verify('nextnonce="n2"')
  t.equal(rspauth, 'absent', 'Squid sends no more than that')
  t.match(paramsOf(answerDigestChallenge([next!], request)!.credentials), { nonce: 'n2', nc: '00000001', opaque: 'o', realm: 'lab' })
  t.equal(first.verify('').next, undefined)
})

t.test('an rspauth: it counts for this request only, and needs the whole set of parameters (R-PAI-6, R-PAI-7)', async t => {
  const offer = { realm: 'lab', algorithms: DIGEST_ALGORITHMS, qop: ['auth', 'auth-int'] as const, opaque: '', charset: true, userhash: false, rfc2069: true }
  const challenge = digestChallenge(offer, DIGEST_ALGORITHMS[3]!, 'n', false)
  const exchange = (changed: Partial<DigestRequest> = {}) => {
    const answer = answerDigestChallenge([challenge], { ...request, ...changed })!
    const said = verifyResponse(readOffered(answer.credentials, offer), 'alice', { password: 'alice-secret' }, { method: 'GET' })!
    return { verify: (params: object) => answer.verify(formatAuthenticationInfo(params as Record<string, string>)), said: said.authenticationInfo() }
  }
  const { verify, said } = exchange()
  t.equal(verify(said).rspauth, 'right')
  t.equal(verify({ ...said, rspauth: said.rspauth!.toUpperCase() }).rspauth, 'right', 'hex in either case')
  t.equal(verify({ ...said, rspauth: said.rspauth!.slice(1) }).rspauth, 'wrong')
  t.equal(verify(exchange({ nc: 2 }).said).rspauth, 'wrong')
  t.equal(verify(exchange({ cnonce: 'd' }).said).rspauth, 'wrong')
  t.equal(verify(exchange({ uri: '/other' }).said).rspauth, 'wrong')
  for (const name of ['qop', 'cnonce', 'nc']) {
    const { [name]: _, ...less } = said
    t.equal(verify(less).rspauth, 'wrong', `no ${name}`)
  }
  t.same(exchange({ qop: 'auth-int' }).verify(exchange({ qop: 'auth-int' }).said), { rspauth: 'right', qop: 'auth', next: undefined }, 'not over the content, and it says so')
  const old = answer(digest(''))!
  t.equal(old.verify(`rspauth="${said.rspauth}", qop=auth, cnonce="c", nc=00000001`).rspauth, 'wrong', 'qop to a request without')
})

const plainText = (unit: 'grapheme' | 'binary-ascii') => fc.string({ unit, maxLength: 20 }).map((text) => text.replace(/[\p{Cc}\p{Surrogate}:]/gu, ''))

t.test('any choice of parameters and values: client and server agree (R-DIG-20, R-DIG-21, R-DIG-22, R-PAI-8, R-PAI-9)', async () => {
  const cases = fc.record({
    username: fc.oneof(plainText('grapheme'), plainText('binary-ascii')),
    password: fc.string({ unit: 'grapheme' }),
    realm: quotable.map((text) => text.replace(/[^\x20-\x7e]/g, '')),
    opaque: fc.constantFrom('', 'b3A', 'a"b\\c'),
    nonce: quotable.filter((text) => text !== ''),
    uri: quotable,
    cnonce: fc.string({ unit: fc.constantFrom(...'abc"\\, ='), minLength: 1, maxLength: 8 }),
    nc: fc.integer({ min: 1, max: 0xffffffff }),
    method: fc.constantFrom('GET', 'POST', 'CONNECT', 'OPTIONS'),
    content: fc.uint8Array(),
    response: fc.uint8Array(),
    algorithms: fc.shuffledSubarray([...DIGEST_ALGORITHMS], { minLength: 1 }),
    int: fc.boolean(),
    charset: fc.boolean(),
    userhash: fc.boolean(),
    stored: fc.boolean()
  })
  fc.assert(fc.property(cases, ({ username, password, content, response, stored, int, method, ...row }) => {
    const offer = { ...row, qop: int ? ['auth', 'auth-int'] as const : ['auth'] as const, rfc2069: false }
    const lines = offer.algorithms.map((algorithm) => formatChallenge(digestChallenge(offer, algorithm, row.nonce, false)))
    const answer = answerDigestChallenge(lines, { ...row, username, password, content, method, qop: int ? 'auth-int' : 'auth', algorithms: offer.algorithms.map(({ name }) => name) })!
    const params = readOffered(answer.credentials, offer)
    const { algorithm } = params
    // A name goes in form C even where no charset is announced: the server reads it so.
    const form = (text: string): string => row.charset ? text.normalize('NFC') : text
    const plain = form(username)
    const secret = stored ? { ha1: computeHa1(algorithm, plain, row.realm, form(password)) } : { password: form(password) }
    const exchange = verifyResponse(params, plain, secret, { method, contentHash: algorithm.digest(content) })
    if (exchange === null) return false
    if (verifyResponse(params, plain, { password: `${form(password)}x` }, { method, contentHash: algorithm.digest(content) }) !== null) return false
    const info = formatAuthenticationInfo(exchange.authenticationInfo(algorithm.digest(response)))
    return answer.verify(info, response).rspauth === 'right' && (params.userhash || params.username === username.normalize('NFC'))
  }), { numRuns: 300 })
})
