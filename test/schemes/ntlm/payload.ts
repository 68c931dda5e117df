import t from 'tap'
import { VERSION, decodeMessage, formatMessage, readField, utf16 } from '../../../lib/schemes/ntlm/payload.js'

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' }

t.test('a message that is written: its fields are read back, in the order of their values (MS-NLMP, 2.2.1)', async t => {
  const message = formatMessage(3, 40, [[20, utf16('ä')], [12, Buffer.alloc(0)], [28, Buffer.from('b')]])
  t.equal(message.toString('latin1', 0, 12), 'NTLMSSP\0\x03\0\0\0')
  t.equal(message.length, 43)
  t.equal(message.readUInt16LE(22), 2, 'the room is the length')
  t.equal(message.toString('latin1', 40), '\xe4\0b')
  t.same([12, 20, 28].map(at => readField(message, at, 40)), [Buffer.alloc(0), utf16('ä'), Buffer.from('b')])
  t.same(decodeMessage(message.toString('base64')), message)
  t.equal(VERSION.length, 8)
})

t.test('a field in the head, or behind the end: it is malformed, and an empty one may say it is anywhere (R-NTLM-6)', async t => {
  const message = formatMessage(3, 20, [[12, Buffer.from('abc')]])
  t.equal(readField(message, 12, 20).toString(), 'abc')
  t.throws(() => readField(message, 12, 21), MALFORMED)
  t.throws(() => readField(message.subarray(0, -1), 12, 20), MALFORMED)
  message.writeUInt32LE(0xffff_ffff, 16)
  t.throws(() => readField(message, 12, 20), MALFORMED)
  message.writeUInt16LE(0, 12)
  t.equal(readField(message, 12, 20).length, 0)
})

t.test('a token that is no message, or too long a one: it is malformed (R-NTLM-6)', async t => {
  const shortest = Buffer.from('NTLMSSP\0\x01\0\0\0\0\0\0\0', 'latin1')
  t.equal(decodeMessage(shortest.toString('base64')).length, 16)
  for (const octets of [shortest.subarray(0, 15), Buffer.concat([Buffer.from('n'), shortest.subarray(1)])]) {
    t.throws(() => decodeMessage(octets.toString('base64')), MALFORMED)
  }
  for (const token of ['', '=', 'TlRM-_', shortest.toString('base64').slice(0, -1)]) t.throws(() => decodeMessage(token), MALFORMED, token)
  const most = (length: number) => Buffer.concat([shortest, Buffer.alloc(length - 16)]).toString('base64')
  t.equal(decodeMessage(most(16 * 1024)).length, 16 * 1024)
  t.throws(() => decodeMessage(most(16 * 1024 + 3)), { ...MALFORMED, message: /too long/ })
})
