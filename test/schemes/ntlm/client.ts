import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { AV, MIC_PRESENT } from '../../../lib/schemes/ntlm/av-pairs.js'
import { formatChallengeMessage } from '../../../lib/schemes/ntlm/challenge.js'
import { channelBinding } from '../../../lib/schemes/ntlm/channel-bindings.js'
import { answerNtlmChallenge } from '../../../lib/schemes/ntlm/client.js'
import type { NtlmAnswer, NtlmLogin } from '../../../lib/schemes/ntlm/client.js'
import { FLAGS } from '../../../lib/schemes/ntlm/flags.js'
import { ntHash } from '../../../lib/schemes/ntlm/keys.js'
import { readMessage } from '../../../lib/schemes/ntlm/message.js'
import type { AuthenticateMessage } from '../../../lib/schemes/ntlm/message.js'
import { readResponse, verifyResponse } from '../../../lib/schemes/ntlm/verify.js'
import type { NtlmV2Response } from '../../../lib/schemes/ntlm/verify.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { vectors } from '../../fixtures/vectors.js'

const rows = new Map(vectors<{ id: string, message_base64: string, field_value: string, inputs: Record<string, string>, expected: Record<string, string> }>('ntlm').map(row => [row.id, row]))
/** Of the worked example, without a time. */
const OLD = rows.get('NT-CHALLENGE')!.field_value
const ALICE: NtlmLogin = { username: 'alice', password: 'alice-secret' }
const BAD_CHALLENGE = { code: 'FST_PROXY_AUTH_BAD_CHALLENGE', statusCode: 502 }
const BAD_OPTION = 'FST_PROXY_AUTH_BAD_OPTION'

const octetsOf = ({ credentials }: NtlmAnswer) => Buffer.from(credentials.slice(5), 'base64')
const begin = (login = ALICE): NtlmAnswer => answerNtlmChallenge('NTLM', login)!
const field = (message: Buffer) => `NTLM ${message.toString('base64')}`
const names = { computer: 'PROXY', domain: '', dnsComputer: 'proxy', dnsDomain: '' }
const SERVER_CHALLENGE = Buffer.alloc(8, 7)
const CHALLENGE = formatChallengeMessage({ clientFlags: octetsOf(begin()).readUInt32LE(12), serverChallenge: SERVER_CHALLENGE, names, now: 1000 })

/** The last leg, read and judged by the server's half. */
function login (login: NtlmLogin, password = 'alice-secret') {
  const first = begin(login)
  const message = readMessage(answerNtlmChallenge(field(CHALLENGE), login, first)!.credentials.slice(5)) as AuthenticateMessage
  const response = readResponse(message) as NtlmV2Response
  const verdict = verifyResponse(message, response, ntHash(password), { serverChallenge: SERVER_CHALLENGE, negotiate: octetsOf(first), challenge: CHALLENGE })
  return { message, verdict, pairs: response.pairs, time: message.ntResponse.readBigUInt64LE(24) }
}

t.test('the worked example: credentials for its challenge have its responses and its key (MS-NLMP, 4.2.4)', async t => {
  const { inputs, expected } = rows.get('NT-NTLMv2')!
  const { user: username, domain, password, workstation } = inputs as Record<'user' | 'domain' | 'password' | 'workstation', string>
  const given: NtlmLogin = {
    username, domain, password, workstation, time: -11_644_473_600_000, random: size => Buffer.from(inputs[size === 8 ? 'client_challenge_hex' : 'random_session_key_hex']!, 'hex')
  }
  const { credentials, type } = answerNtlmChallenge(OLD, given, begin(given))!
  t.equal(type, 3)
  const { ntResponse, lmResponse, encryptedSessionKey } = readMessage(credentials.slice(5)) as AuthenticateMessage
  t.same([ntResponse, lmResponse, encryptedSessionKey].map(octets => octets.toString('hex')), [
    expected['nt_challenge_response_hex'], expected['lmv2_response_hex'], expected['encrypted_random_session_key_hex']
  ])
})

t.test('both legs: the scheme alone is answered with type 1, the challenge for it with type 3, and a refusal with nothing (R-NTLM-1, R-NTLM-4)', async t => {
  const first = begin()
  t.equal(first.type, 1)
  t.match(readMessage(first.credentials.slice(5)), { type: 1 })
  t.same(answerNtlmChallenge(['Basic realm="x"', 'ntlm, Negotiate'], ALICE), first)
  t.same(answerNtlmChallenge([{ scheme: 'NTLM' }], ALICE), first)
  t.equal(answerNtlmChallenge(['NTLM', 'Negotiate'], ALICE, first), null, 'a first leg that is refused')
  const last = answerNtlmChallenge(['Basic realm="x"', 'NTLM', field(CHALLENGE)], ALICE, first)!
  t.equal(last.type, 3)
  t.equal(answerNtlmChallenge('NTLM', ALICE, last), null, 'a user who is refused')
  t.equal(answerNtlmChallenge(field(CHALLENGE), ALICE, last), null, 'for ever')
})

t.test('no NTLM, or a challenge that nothing was sent for: there is nothing to answer', async t => {
  for (const challenges of ['Basic realm="x"', 'Negotiate', [], field(CHALLENGE)]) t.equal(answerNtlmChallenge(challenges, ALICE), null)
  t.equal(answerNtlmChallenge('NTLM realm="x"', ALICE)?.type, 1, 'parameters mean nothing')
  t.throws(() => answerNtlmChallenge('NTLM "', ALICE), { code: 'FST_PROXY_AUTH_MALFORMED_FIELD' })
})

t.test('a password, or its hash in octets or hex digits: the server accepts it, and no other', async t => {
  const hash = ntHash('alice-secret')
  for (const secret of [{ password: 'alice-secret' }, { ntHash: hash }, { ntHash: new Uint8Array(hash) }, { ntHash: hash.toString('hex') }]) {
    const given = { username: 'alice', ...secret }
    t.equal(login(given).verdict, 'right')
    t.equal(login(given, 'bob-secret').verdict, 'response')
  }
})

t.test('names beyond ASCII, and the longest: they arrive as they are (R-NTLM-10)', async t => {
  for (const [username, domain, workstation] of [['älice', 'Ünï', '電腦'], ['alice@realm.test', '', ''], ['CORP\\alice', '', ''], ['😀'.repeat(512), 'd'.repeat(1024), 'w'.repeat(1024)]] as const) {
    const { message, verdict } = login({ ...ALICE, username, domain, workstation, targetName: 't'.repeat(1024) })
    t.equal(verdict, 'right')
    t.match(message, { user: username, domain, workstation })
  }
})

t.test('the octets of credentials: no two logins have the same, and none has the password', async t => {
  const [one, other] = [login(ALICE).message.octets, login(ALICE).message.octets]
  t.notSame(one, other)
  for (const encoding of ['utf16le', 'latin1'] as const) t.notOk(one.includes(Buffer.from('alice-secret', encoding)))
  t.notOk(one.includes(ntHash('alice-secret')))
})

t.test('a time: it is that of the server, else that given, else now', async t => {
  const filetime = (ms: number) => (BigInt(ms) + 11_644_473_600_000n) * 10_000n
  t.equal(login({ ...ALICE, time: 5 }).time, filetime(1000))
  const timed = (login: NtlmLogin) => (readMessage(answerNtlmChallenge(OLD, login, begin())!.credentials.slice(5)) as AuthenticateMessage).ntResponse.readBigUInt64LE(24)
  t.equal(timed({ ...ALICE, time: 5 }), filetime(5))
  const before = Date.now()
  const time = timed(ALICE)
  t.ok(time >= filetime(before) && time <= filetime(Date.now()))
})

t.test('a certificate and the name of a service: they are bound to the login, which has an integrity code (R-NTLM-9)', { skip: openssl.skip }, async t => {
  const cert = new X509Certificate(certificate(t, 'proxy.test').cert)
  const { verdict, pairs } = login({ ...ALICE, certificate: cert, targetName: 'HTTP/proxy.test' })
  t.equal(verdict, 'right')
  t.equal(pairs.get(AV.flags)?.readUInt32LE(), MIC_PRESENT)
  t.same(pairs.get(AV.channelBindings), channelBinding(cert.raw))
  t.equal(pairs.get(AV.targetName)?.toString('utf16le'), 'HTTP/proxy.test')
  t.notOk(login({ ...ALICE, certificate: undefined }).pairs.has(AV.channelBindings))
})

t.test('a challenge that is cut off anywhere: it is bad, and nothing is read outside it (R-NTLM-6)', async t => {
  const first = begin()
  for (const whole of [CHALLENGE, Buffer.from(OLD.slice(5), 'base64')]) {
    for (let length = 1; length < whole.length; length++) {
      t.throws(() => answerNtlmChallenge(field(whole.subarray(0, length)), ALICE, first), BAD_CHALLENGE, String(length))
    }
    t.equal(answerNtlmChallenge(field(whole), ALICE, first)?.type, 3)
  }
})

t.test('a challenge with any octet changed: it is answered or bad, and no other error is thrown (R-NTLM-6)', async t => {
  const first = begin()
  const counts = { answered: 0, bad: 0 }
  for (let at = 0; at < CHALLENGE.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const copy = Buffer.from(CHALLENGE)
      copy[at] = value
      try {
        if (answerNtlmChallenge(field(copy), ALICE, first)?.type === 3) counts.answered++
      } catch (error) {
        t.match(error, BAD_CHALLENGE)
        counts.bad++
      }
    }
  }
  t.ok(counts.answered > 100 && counts.bad > 100, JSON.stringify(counts))
})

t.test('what a server must not send: it is bad, and the cause says why (R-NTLM-6, R-NTLM-7)', async t => {
  const first = begin()
  const changed = (change: (copy: Buffer) => void) => {
    const copy = Buffer.from(CHALLENGE)
    change(copy)
    return copy.toString('base64')
  }
  for (const [name, token, cause] of [
    ['no Base64', 'TlRM-_', /not Base64/],
    ['another signature', changed(copy => copy.write('n')), /not an NTLM message/],
    ['a type 1', first.credentials.slice(5), /that a server sends/],
    ['a type 3', rows.get('NT-AUTHENTICATE')!.message_base64, /that a server sends/],
    ['more than 16 KiB', 'A'.repeat(64 * 1024), /too long/],
    ['attributes in the head', changed(copy => copy.writeUInt32LE(47, 44)), /outside/],
    ['attributes behind the end', changed(copy => copy.writeUInt32LE(CHALLENGE.length - 1, 44)), /outside/],
    ['attributes without an end', changed(copy => copy.writeUInt16LE(copy.readUInt16LE(40) - 4, 40)), /no end/],
    ['no attributes', changed(copy => copy.writeUInt16LE(0, 40)), /no end/],
    ['a time of 4 octets', changed(copy => { // the last attribute, whose other half then is the end
      copy.writeUInt16LE(4, copy.length - 14)
      copy.writeUInt32LE(0, copy.length - 8)
    }), /time/]
  ] as const) {
    t.throws(() => answerNtlmChallenge(`NTLM ${token}`, ALICE, first), { ...BAD_CHALLENGE, message: /malformed/, cause: { message: cause } }, name)
  }
  for (const flag of ['unicode', 'ntlm', 'extendedSessionSecurity', 'targetInfo'] as const) {
    const weaker = changed(copy => copy.writeUInt32LE((copy.readUInt32LE(20) & ~FLAGS[flag]) >>> 0, 20))
    t.throws(() => answerNtlmChallenge(`NTLM ${weaker}`, ALICE, first), { ...BAD_CHALLENGE, message: /less than NTLMv2/ }, flag)
  }
})

t.test('a login that is wrong: the error names the option, and no value of it', async t => {
  const canary = 'canary-secret'
  const rows: Array<[string, object]> = [
    ['password', { password: '' }], ['password', { password: undefined }], ['password', { password: undefined, ntHash: canary }],
    ['password', { password: undefined, ntHash: Buffer.alloc(15) }],
    ['username', { username: '' }], ['username', { username: undefined }], ['username', { username: canary.repeat(100) }], ['username', { username: `${canary}\ud800` }],
    ['domain', { domain: null }], ['domain', { domain: canary.repeat(100) }], ['workstation', { workstation: 7 }], ['targetName', { targetName: `\udc00${canary}` }],
    ['certificate', { certificate: canary }],
    ...[NaN, Infinity, -12e12, 1e16, '0', new Date(0), null].map((time): [string, object] => ['time', { time }])
  ]
  for (const [option, changes] of rows) {
    let error: Error | undefined
    try {
      answerNtlmChallenge('NTLM', { username: 'alice', password: canary, ...changes } as NtlmLogin)
    } catch (thrown) {
      error = thrown as Error
    }
    t.match(error, { code: BAD_OPTION, message: new RegExp(`^option ${option} must be `) }, option)
    t.notMatch(error?.message, canary)
  }
})
