import t from 'tap'
import { ntHash } from '../../../lib/schemes/ntlm/keys.js'
import { readMessage } from '../../../lib/schemes/ntlm/message.js'
import type { AuthenticateMessage } from '../../../lib/schemes/ntlm/message.js'
import { readResponse, verifyResponse } from '../../../lib/schemes/ntlm/verify.js'
import type { NtlmV2Response } from '../../../lib/schemes/ntlm/verify.js'
import { FLAGS } from '../../../lib/schemes/ntlm/flags.js'
import { authenticate, negotiate } from '../../fixtures/ntlm-client.js'
import type { NtlmAnswer } from '../../fixtures/ntlm-client.js'
import { vectors } from '../../fixtures/vectors.js'

interface Row { id: string, message_base64: string, field_value: string }
const rows = new Map(vectors<Row>('ntlm').map(row => [row.id, row]))
const CHALLENGE = rows.get('NT-CHALLENGE')!.message_base64
const FIRST = negotiate()
const context = {
  serverChallenge: Buffer.from('0123456789abcdef', 'hex'), negotiate: Buffer.from(FIRST, 'base64'), challenge: Buffer.from(CHALLENGE, 'base64')
}
const verify = (text: string, password: string, other = context) => {
  const message = readMessage(text) as AuthenticateMessage
  return verifyResponse(message, readResponse(message) as NtlmV2Response, ntHash(password), other)
}
const answer = (changes?: NtlmAnswer) => authenticate(CHALLENGE, FIRST, changes)

t.test('the worked example: it is right with its password, and with no other (MS-NLMP, 4.2.4; R-NTLM-7)', async t => {
  const { message_base64: text } = rows.get('NT-AUTHENTICATE')!
  t.equal(verify(text, 'Password'), 'right')
  t.equal(verify(text, 'password'), 'response')
  t.equal(verify(text, 'Password', { ...context, serverChallenge: Buffer.alloc(8) }), 'response', 'nor to another challenge (R-NTLM-5)')
})

t.test('an integrity code: it counts where it is announced (R-NTLM-9)', async t => {
  for (const keyExchange of [true, false]) {
    t.equal(verify(answer({ mic: 'right', keyExchange }), 'alice-secret'), 'right')
    t.equal(verify(answer({ mic: 'wrong', keyExchange }), 'alice-secret'), 'mic')
  }
  t.equal(verify(answer({ mic: 'missing' }), 'alice-secret'), 'mic')
  t.equal(verify(answer({ attributes: [[6, Buffer.from([1, 0, 0, 0])]] }), 'alice-secret'), 'right', 'other flags')
  t.equal(verify(answer({ attributes: [[6, Buffer.from([2])]] }), 'alice-secret'), 'right', 'flags that are none')
  t.equal(verify(answer({ mic: 'right' }), 'alice-secret', { ...context, negotiate: Buffer.from(negotiate(0), 'base64') }), 'mic', 'another type 1')
})

t.test('a session key that is empty or short: no integrity code can be made with it (R-NTLM-9)', async t => {
  for (const length of [0, 1, 15, 17]) {
    t.equal(verify(answer({ mic: 'right', keyExchange: true, sessionKey: Buffer.alloc(length) }), 'alice-secret'), 'mic', `${length} octets`)
  }
})

t.test('a client that exchanges no key, whatever its flags say: its integrity code counts (MS-NLMP, 3.1.5.1.2; R-NTLM-9)', async t => {
  t.equal(verify(answer({ mic: 'right', flags: FLAGS.keyExchange }), 'alice-secret'), 'right')
})

t.test('LM, NTLMv1 and an anonymous user: they are not taken as responses (R-NTLM-7)', async t => {
  const read = (changes: NtlmAnswer) => readResponse(readMessage(answer(changes)) as AuthenticateMessage)
  t.equal(read({ ntResponse: Buffer.alloc(24, 1) }), 'version')
  t.equal(read({ ntResponse: Buffer.alloc(0), lmResponse: Buffer.alloc(24, 1) }), 'version')
  t.equal(read({ ntResponse: Buffer.alloc(100, 2) }), 'version')
  t.equal(read({ ntResponse: Buffer.from([...Buffer.alloc(16), 1, 2, ...Buffer.alloc(40)]) }), 'version')
  t.equal(read({ flags: FLAGS.anonymous }), 'anonymous')
  t.equal(read({ user: '', ntResponse: Buffer.alloc(0), lmResponse: Buffer.alloc(1) }), 'anonymous')
  t.equal(readResponse(readMessage(rows.get('NT-X7')!.field_value.slice(5)) as AuthenticateMessage), 'anonymous')
  t.throws(() => read({ ntResponse: Buffer.from([...Buffer.alloc(16), 1, 1, ...Buffer.alloc(26), 9, 9, 9, 9]) }), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' })
})
