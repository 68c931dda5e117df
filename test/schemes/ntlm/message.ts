import t from 'tap'
import { parseCredentials } from '../../../lib/fields/credentials.js'
import { readMessage, withoutMic } from '../../../lib/schemes/ntlm/message.js'
import type { AuthenticateMessage } from '../../../lib/schemes/ntlm/message.js'
import { authenticate, negotiate } from '../../fixtures/ntlm-client.js'
import { vectors } from '../../fixtures/vectors.js'

interface Row { id: string, description: string, message_base64: string, field_value: string, expected: Record<string, string | number> | string }
const rows = new Map(vectors<Row>('ntlm').map(row => [row.id, row]))
const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' }
const CHALLENGE = rows.get('NT-CHALLENGE')!.message_base64

t.test('the type 3 of the worked example: it is read (MS-NLMP, 4.2.4.3)', async t => {
  const { message_base64: text, expected } = rows.get('NT-AUTHENTICATE')!
  const { octets, flags, lmResponse, ntResponse, encryptedSessionKey, mic, ...rest } = readMessage(text) as AuthenticateMessage
  const { domain, user, workstation, lm_response_hex: lm, nt_response_hex: nt, encrypted_session_key_hex: key } = expected as Record<string, string>
  t.strictSame(rest, { type: 3, domain, user, workstation })
  t.strictSame([lmResponse, ntResponse, encryptedSessionKey].map(part => part.toString('hex')), [lm, nt, key])
  t.equal(octets.toString('base64'), text)
  t.equal(mic, null)
})

t.test('the type 1 of curl: it is read', async t => {
  t.match(readMessage(rows.get('NT-NEGOTIATE-CURL')!.message_base64), { type: 1, flags: 0x88206 })
  t.match(readMessage(Buffer.from('4e544c4d5353500001000000b7820862', 'hex').toString('base64')), { type: 1 }, 'the shortest')
})

for (const [id, { description, field_value: value }] of rows) {
  if (!id.startsWith('NT-X') || id === 'NT-X5' || id === 'NT-X7') continue // well-formed, and refused for what they are
  t.test(`${id}: ${description} (R-NTLM-6)`, async t => {
    t.throws(() => {
      const { token68 } = parseCredentials(value)
      readMessage(token68!)
    })
  })
}

t.test('a message that is cut off anywhere: it is malformed, and nothing is read outside it (R-NTLM-6)', async t => {
  const whole = Buffer.from(authenticate(CHALLENGE, negotiate(), { mic: 'right', keyExchange: true }), 'base64')
  for (let length = 0; length < whole.length; length++) t.throws(() => readMessage(whole.subarray(0, length).toString('base64')), MALFORMED)
})

t.test('an octet that is changed: the message is read or malformed, and no other error is thrown (R-NTLM-6)', async t => {
  const whole = Buffer.from(authenticate(CHALLENGE, negotiate(), { mic: 'right' }), 'base64')
  for (let at = 0; at < 88; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const copy = Buffer.from(whole)
      copy[at] = value
      try {
        readMessage(copy.toString('base64'))
      } catch (error) {
        t.match(error, MALFORMED)
      }
    }
  }
})

t.test('a field in the head, text that is no UTF-16, another type, no Base64, too much: each is malformed (R-NTLM-6)', async t => {
  const whole = Buffer.from(authenticate(CHALLENGE, negotiate()), 'base64')
  const changed = (change: (copy: Buffer) => void) => {
    const copy = Buffer.from(whole)
    change(copy)
    return copy.toString('base64')
  }
  t.ok(readMessage(changed(() => {})))
  t.throws(() => readMessage(changed(copy => copy.writeUInt32LE(12, 40))), MALFORMED)
  t.throws(() => readMessage(changed(copy => copy.writeUInt16LE(9, 36))), MALFORMED, 'an odd length')
  t.throws(() => readMessage(changed(copy => copy.writeUInt16LE(0xd800, copy.readUInt32LE(40)))), MALFORMED)
  t.throws(() => readMessage(changed(copy => copy.writeUInt32LE(2, 8))), MALFORMED)
  t.throws(() => readMessage('TlRMTVNTUAABAAAABoIIAA-_'), MALFORMED)
  t.throws(() => readMessage(whole.toString('base64').slice(0, -1)), MALFORMED)
  t.throws(() => readMessage(Buffer.concat([whole, Buffer.alloc(16 * 1024)]).toString('base64')), MALFORMED)
  t.throws(() => readMessage('A'.repeat(64 * 1024)), MALFORMED)
})

t.test('text in OEM or in Unicode: it is read as the flag says (R-NTLM-10)', async t => {
  for (const unicode of [true, false]) {
    t.match(readMessage(authenticate(CHALLENGE, negotiate(), { unicode, user: 'älice', domain: 'DOM' })), { user: 'älice', domain: 'DOM', workstation: 'WS' })
  }
})

t.test('the shortest type 3, a field right behind its head, and as much as may be: they are read', async t => {
  const head = Buffer.alloc(64)
  head.write('NTLMSSP\0\x03', 'latin1')
  t.match(readMessage(head.toString('base64')), { type: 3, user: '', workstation: '', mic: null })
  t.match(readMessage(Buffer.concat([head, Buffer.alloc(2)]).toString('base64')), { type: 3, user: '' }, 'without padding')
  const field = Buffer.concat([head, Buffer.from('alice')])
  field.writeUInt16LE(5, 36)
  field.writeUInt32LE(64, 40)
  t.match(readMessage(field.toString('base64')), { user: 'alice' })
  field.writeUInt32LE(63, 40)
  t.throws(() => readMessage(field.toString('base64')), MALFORMED)
  const most = (octets: number) => Buffer.concat([head, Buffer.alloc(octets - 64)]).toString('base64')
  t.match(readMessage(most(16 * 1024)), { type: 3 })
  t.throws(() => readMessage(most(16 * 1024 + 3)), { ...MALFORMED, message: /too long/ })
})

t.test('a byte-order mark in a name: it is a char of the name', async t => {
  t.match(readMessage(authenticate(CHALLENGE, negotiate(), { unicode: true, user: '\ufeffalice' })), { user: '\ufeffalice' })
})

t.test('the place of an empty field: it says nothing of the integrity code', async t => {
  const whole = Buffer.from(authenticate(CHALLENGE, negotiate(), { mic: 'right' }), 'base64')
  for (const at of [12, 44]) {
    whole.writeUInt16LE(0, at)
    whole.writeUInt32LE(0, at + 4)
  }
  t.equal((readMessage(whole.toString('base64')) as AuthenticateMessage).mic?.length, 16)
})

t.test('a message with room for an integrity code: it has one', async t => {
  const message = readMessage(authenticate(CHALLENGE, negotiate(), { mic: 'right' })) as AuthenticateMessage
  t.equal(message.mic?.length, 16)
  const zeros = withoutMic(message)
  t.same(zeros.subarray(72, 88), Buffer.alloc(16))
  t.same(Buffer.concat([zeros.subarray(0, 72), zeros.subarray(88)]), Buffer.concat([message.octets.subarray(0, 72), message.octets.subarray(88)]))
  t.equal((readMessage(authenticate(CHALLENGE, negotiate())) as AuthenticateMessage).mic, null)
})
