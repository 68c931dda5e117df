import t from 'tap'
import { AV, readAvPairs } from '../../../lib/schemes/ntlm/av-pairs.js'
import { filetime, formatChallengeMessage, readChallengeMessage } from '../../../lib/schemes/ntlm/challenge.js'
import { FLAGS, has } from '../../../lib/schemes/ntlm/flags.js'

const names = { computer: 'PROXY', domain: 'WORKGROUP', dnsComputer: 'proxy.test', dnsDomain: 'test' }
const serverChallenge = Buffer.from('0123456789abcdef', 'hex')
const make = (clientFlags: number) => {
  const message = formatChallengeMessage({ clientFlags, serverChallenge, names, now: 1_000 })
  const field = (at: number) => message.subarray(message.readUInt32LE(at + 4), message.readUInt32LE(at + 4) + message.readUInt16LE(at))
  return { message, flags: message.readUInt32LE(20), target: field(12), info: readAvPairs(field(40)) }
}

t.test('a message of type 2: it has the challenge, our names and the time (R-NTLM-1)', async t => {
  const { message, flags, target, info } = make(FLAGS.unicode)
  t.equal(message.toString('latin1', 0, 8), 'NTLMSSP\0')
  t.equal(message.readUInt32LE(8), 2)
  t.same(message.subarray(24, 32), serverChallenge)
  t.same(message.subarray(32, 40), Buffer.alloc(8))
  t.equal(message[55], 15)
  t.equal(target.toString('utf16le'), 'PROXY')
  for (const flag of ['unicode', 'ntlm', 'targetInfo', 'targetTypeServer', 'extendedSessionSecurity', 'alwaysSign', 'version'] as const) t.ok(has(flags, FLAGS[flag]), flag)
  t.notOk(has(flags, FLAGS.oem))
  t.strictSame([AV.domain, AV.computer, AV.dnsDomain, AV.dnsComputer].map(id => info.get(id)!.toString('utf16le')), ['WORKGROUP', 'PROXY', 'test', 'proxy.test'])
  t.equal(info.get(AV.timestamp)!.readBigUInt64LE(), 116_444_736_010_000_000n, 'since 1601')
})

t.test('flags that the client asked for: they are taken over, and no others', async t => {
  for (const flag of ['sign', 'seal', 'keyExchange', 'key128', 'key56'] as const) {
    t.ok(has(make(FLAGS[flag]).flags, FLAGS[flag]))
    t.notOk(has(make(0).flags, FLAGS[flag]))
  }
})

t.test('a client without Unicode: it gets its text in OEM, except for the attributes (R-NTLM-10)', async t => {
  const { flags, target, info } = make(FLAGS.oem)
  t.ok(has(flags, FLAGS.oem) && !has(flags, FLAGS.unicode))
  t.equal(target.toString('latin1'), 'PROXY')
  t.equal(info.get(AV.computer)!.toString('utf16le'), 'PROXY')
})

t.test('a message of ours: a client reads out of it what we wrote (R-NTLM-1)', async t => {
  const { message, info } = make(FLAGS.unicode | FLAGS.sign)
  const read = readChallengeMessage(message.toString('base64'))
  t.same(read.octets, message)
  t.same(read.serverChallenge, serverChallenge)
  t.equal(read.flags, message.readUInt32LE(20))
  t.strictSame([...read.attributes], [...info])
  t.same(read.attributes.get(AV.timestamp), filetime(1000))
})

t.test('a message without a version: it is read, and one with a shorter head is not (R-NTLM-6)', async t => {
  const { message } = make(FLAGS.unicode)
  const head = message.subarray(0, 48)
  const without = Buffer.concat([head, Buffer.from('00000000', 'hex')])
  without.writeUInt16LE(4, 40)
  without.writeUInt32LE(48, 44)
  t.strictSame([...readChallengeMessage(without.toString('base64')).attributes], [])
  t.throws(() => readChallengeMessage(head.subarray(0, 47).toString('base64')), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' })
})

t.test('a message that is no challenge, or whose time is none: it is refused (R-NTLM-6)', async t => {
  const { message } = make(FLAGS.unicode)
  const other = Buffer.from(message)
  other.writeUInt32LE(3, 8)
  t.throws(() => readChallengeMessage(other.toString('base64')), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' })
  const at = message.indexOf(filetime(1000)) - 4
  const short = Buffer.concat([message.subarray(0, at), Buffer.from('07000400', 'hex'), message.subarray(at + 4, at + 8), Buffer.alloc(4)])
  short.writeUInt16LE(short.length - message.readUInt32LE(44), 40)
  t.throws(() => readChallengeMessage(short.toString('base64')), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS', message: /time/ })
})
