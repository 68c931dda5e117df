import t from 'tap'
import { AV } from '../../../lib/schemes/ntlm/av-pairs.js'
import type { AvPairs } from '../../../lib/schemes/ntlm/av-pairs.js'
import { formatAuthenticateMessage, formatNegotiateMessage } from '../../../lib/schemes/ntlm/authenticate.js'
import type { NtlmClient } from '../../../lib/schemes/ntlm/authenticate.js'
import { formatChallengeMessage, readChallengeMessage } from '../../../lib/schemes/ntlm/challenge.js'
import type { ReceivedNtlmChallenge } from '../../../lib/schemes/ntlm/challenge.js'
import { FLAGS, has } from '../../../lib/schemes/ntlm/flags.js'
import { ntHash } from '../../../lib/schemes/ntlm/keys.js'
import { readMessage } from '../../../lib/schemes/ntlm/message.js'
import type { AuthenticateMessage } from '../../../lib/schemes/ntlm/message.js'
import { utf16 } from '../../../lib/schemes/ntlm/payload.js'
import { readResponse, verifyResponse } from '../../../lib/schemes/ntlm/verify.js'
import type { NtlmV2Response } from '../../../lib/schemes/ntlm/verify.js'
import { vectors } from '../../fixtures/vectors.js'

const rows = new Map(vectors<{ id: string, message_base64: string }>('ntlm').map(row => [row.id, row]))
/** It has no time. */
const OLD = readChallengeMessage(rows.get('NT-CHALLENGE')!.message_base64)
/** The names, octets and time of the worked example: FILETIME 0 is in 1601. */
const CLIENT: NtlmClient = {
  username: 'User',
  domain: 'Domain',
  workstation: 'COMPUTER',
  hash: ntHash('Password'),
  targetName: undefined,
  channelBinding: undefined,
  now: -11_644_473_600_000,
  random: size => Buffer.alloc(size, size === 8 ? 0xaa : 0x55)
}
const NEGOTIATE = formatNegotiateMessage()
const names = { computer: 'PROXY', domain: 'WORKGROUP', dnsComputer: 'proxy.test', dnsDomain: 'test' }

/** Our server's challenge, which has its time. */
function challenge (clientFlags = NEGOTIATE.readUInt32LE(12)): ReceivedNtlmChallenge {
  return readChallengeMessage(formatChallengeMessage({ clientFlags, serverChallenge: Buffer.alloc(8, 7), names, now: 1000 }).toString('base64'))
}

const decoded = (octets: Buffer) => readMessage(octets.toString('base64')) as AuthenticateMessage
const answer = (challenge: ReceivedNtlmChallenge, changes: Partial<NtlmClient> = {}) => decoded(formatAuthenticateMessage({ ...CLIENT, ...changes }, challenge))
const pairsOf = (message: AuthenticateMessage): AvPairs => (readResponse(message) as NtlmV2Response).pairs
const verify = (message: AuthenticateMessage, { serverChallenge, octets }: ReceivedNtlmChallenge, negotiate = NEGOTIATE, hash = CLIENT.hash) =>
  verifyResponse(message, readResponse(message) as NtlmV2Response, hash, { serverChallenge, negotiate, challenge: octets })

t.test('the worked example: responses, names and key are those of its type 3 (MS-NLMP, 4.2.4; R-NTLM-8)', async t => {
  const wanted = readMessage(rows.get('NT-AUTHENTICATE')!.message_base64) as AuthenticateMessage
  const made = answer(OLD)
  for (const part of ['domain', 'user', 'workstation', 'lmResponse', 'ntResponse', 'encryptedSessionKey'] as const) t.same(made[part], wanted[part], part)
  t.same(made.mic, Buffer.alloc(16))
  t.equal(verify(made, OLD), 'right')
})

t.test('a type 1: it asks for what NTLMv2 needs, and has no names beside a version (MS-NLMP, 3.1.5.1.1)', async t => {
  const { type, flags } = readMessage(NEGOTIATE.toString('base64'))
  t.equal(type, 1)
  t.strictSame(Object.entries(FLAGS).filter(([, flag]) => has(flags, flag)).map(([name]) => name).sort(), [
    'alwaysSign', 'extendedSessionSecurity', 'key128', 'key56', 'keyExchange', 'ntlm', 'requestTarget', 'sign', 'unicode', 'version'
  ])
  t.equal(NEGOTIATE.length, 40)
  t.equal(NEGOTIATE[39], 15)
})

t.test('a challenge with a time: it is taken, and an integrity code covers all three messages (R-NTLM-9)', async t => {
  const asked = challenge()
  const made = answer(asked)
  t.same(made.lmResponse, Buffer.alloc(24))
  t.same(made.ntResponse.subarray(24, 32), asked.attributes.get(AV.timestamp))
  t.same(pairsOf(made).get(AV.flags), Buffer.from([2, 0, 0, 0]))
  t.equal(made.encryptedSessionKey.length, 16)
  t.equal(verify(made, asked), 'right')
  t.equal(verify(made, asked, NEGOTIATE, ntHash('password')), 'response')
  for (const [name, negotiate, octets] of [['type 1', Buffer.from([...NEGOTIATE, 0]), asked.octets], ['type 2', NEGOTIATE, Buffer.from([...asked.octets, 0])]] as const) {
    t.equal(verify(made, { ...asked, octets }, negotiate), 'mic', name)
  }
  const changed = Buffer.from(made.octets)
  changed[64]! ^= 1
  t.equal(verify(decoded(changed), asked), 'mic', 'type 3')
})

t.test('a challenge without a time: the clock is taken, and the LM response is of version 2', async t => {
  const made = answer(OLD, { now: 1000 })
  t.equal(made.ntResponse.readBigUInt64LE(24), 116_444_736_010_000_000n)
  t.notSame(made.lmResponse, Buffer.alloc(24))
  t.equal(pairsOf(made).has(AV.flags), false)
  t.equal(verify(made, OLD), 'right')
})

t.test('a key: it is exchanged where the server signs, too, and no flag says so elsewhere (MS-NLMP, 3.1.5.1.2)', async t => {
  for (const [flags, exchanged] of [[FLAGS.sign | FLAGS.keyExchange, true], [FLAGS.keyExchange, false], [FLAGS.sign, false], [0, false]] as const) {
    const asked = challenge(FLAGS.unicode | flags)
    const made = answer(asked)
    t.equal(made.encryptedSessionKey.length, exchanged ? 16 : 0)
    t.equal(has(made.flags, FLAGS.keyExchange), exchanged)
    t.equal(has(made.flags, FLAGS.key128), false, 'nothing is said that the server has not')
    t.equal(verify(made, asked), 'right')
  }
})

t.test('what the client means: it is under the proof, and what the server says of it is not repeated (R-NTLM-9)', async t => {
  const forged = new Map([[AV.flags, Buffer.from([7, 0, 0, 0])], [AV.channelBindings, Buffer.alloc(16, 9)], [AV.targetName, utf16('HTTP/victim.test')]])
  for (const asked of [OLD, challenge()]) {
    const lying = { ...asked, attributes: new Map([...asked.attributes, ...forged]) }
    const silent = answer(lying)
    const said = answer(lying, { targetName: 'HTTP/prüxy.test', channelBinding: Buffer.alloc(16, 3) })
    for (const made of [silent, said]) t.equal(verify(made, asked), 'right')
    t.strictSame([...pairsOf(silent).keys()], [...asked.attributes.keys(), ...asked === OLD ? [] : [AV.flags]])
    t.same(pairsOf(said).get(AV.targetName), utf16('HTTP/prüxy.test'))
    t.same(pairsOf(said).get(AV.channelBindings), Buffer.alloc(16, 3))
    t.same(pairsOf(said).get(AV.computer), asked.attributes.get(AV.computer), 'all else is')
  }
})

t.test('a server that leaves out what NTLMv2 in Unicode needs: it gets no response (R-NTLM-7)', async t => {
  for (const flag of ['unicode', 'ntlm', 'extendedSessionSecurity', 'targetInfo'] as const) {
    t.throws(() => answer({ ...OLD, flags: OLD.flags & ~FLAGS[flag] }), { code: 'FST_PROXY_AUTH_BAD_CHALLENGE', statusCode: 502 }, flag)
  }
  t.throws(() => answer(challenge(FLAGS.oem)), { code: 'FST_PROXY_AUTH_BAD_CHALLENGE' }, 'our own server to a client that asks for OEM')
})
