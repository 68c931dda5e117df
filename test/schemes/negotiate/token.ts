import t from 'tap'
import fc from 'fast-check'
import { kindOf, readToken } from '../../../lib/schemes/negotiate/token.js'
import { KERBEROS, NTLMSSP, der, negTokenInit, negTokenResp } from '../../fixtures/der.js'

const NTLM = Buffer.from('NTLMSSP\0\x01\0\0\0')

t.test('a token in base64: it is read, and what is not base64 is not (R-NEG-2)', async t => {
  t.equal(readToken('Negotiate YIIB'), 'YIIB')
  t.equal(readToken(' negotiate  YII= '), 'YII=')
  t.equal(readToken(`Negotiate ${'A'.repeat(131_072)}`)?.length, 131_072)
  for (const value of ['Negotiate', 'Negotiate ', 'Negotiate YII', 'Negotiate YI-_', 'Negotiate Y===', 'Negotiate a=bc', 'Negotiate YIIB YIIB', 'Negotiate YIIB,YIIB', `Negotiate ${'A'.repeat(131_076)}`]) {
    t.equal(readToken(value), undefined, value.slice(0, 20))
  }
})

t.test('a token: it is told of which kind it is (R-NEG-6)', async t => {
  t.equal(kindOf(negTokenInit([KERBEROS], Buffer.alloc(10))), 'initial')
  t.equal(kindOf(der(0x60, KERBEROS, Buffer.alloc(300))), 'initial')
  t.equal(kindOf(der(0x60, Buffer.from('06092a864882f712010202', 'hex'), Buffer.alloc(70_000))), undefined, 'a length that the fixture cannot write')
  t.equal(kindOf(Buffer.concat([Buffer.from([0x60, 0x84, 0, 0, 0, KERBEROS.length]), KERBEROS])), 'initial', 'a length in more octets than it needs')
  t.equal(kindOf(negTokenResp(Buffer.alloc(200))), 'reply')
  t.equal(kindOf(NTLM), 'ntlm')
  t.equal(kindOf(negTokenInit([NTLMSSP], NTLM)), 'wrapped ntlm')
  t.equal(kindOf(negTokenResp(NTLM)), 'wrapped ntlm')
})

t.test('garbage: it is a token of no kind (R-NEG-6)', async t => {
  const whole = negTokenInit([KERBEROS], Buffer.alloc(400))
  for (const token of [
    Buffer.alloc(0), Buffer.from([0x60]), Buffer.from([0x60, 0x80]), Buffer.from([0x60, 0x85, 0, 0, 0, 0, 0]), Buffer.from([0x60, 0x82, 1]), Buffer.from('NTLMSSP'),
    whole.subarray(0, 300), Buffer.concat([whole, Buffer.alloc(1)]), der(0x60, Buffer.from('06032a0304', 'hex')), der(0x30, KERBEROS), der(0x60), NTLM.subarray(1),
    Buffer.concat([der(0x60, KERBEROS), Buffer.alloc(1)]), Buffer.concat([Buffer.from([0x60, 0x85, 0, 0, 0, 0, KERBEROS.length]), KERBEROS]),
    Buffer.concat([Buffer.from([0x60, 0x80]), KERBEROS, Buffer.alloc(0x80 - KERBEROS.length)])
  ]) t.equal(kindOf(token), undefined, token.subarray(0, 10).toString('hex'))
})

t.test('any octets: they are looked at without harm', async () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), octets => {
    for (const token of [Buffer.from(octets), Buffer.concat([Buffer.from([0x60]), octets]), Buffer.concat([Buffer.from([0xa1]), octets])]) kindOf(token)
  }))
})
