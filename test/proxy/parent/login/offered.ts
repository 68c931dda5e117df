import t from 'tap'
import { offered } from '../../../../lib/proxy/parent/login/offered.js'

t.test('challenges of several schemes: those of one are found, in any case', async t => {
  const lines = ['Negotiate, nTlM TlRM, Basic realm="x", Digest realm="x", nonce="a", Digest realm="x", nonce="b"', 'NTLM']
  t.match(offered(lines, 'ntlm'), [{ scheme: 'nTlM', token68: 'TlRM' }, { scheme: 'NTLM' }])
  t.match(offered(lines, 'digest').map(({ params }) => params?.nonce), ['a', 'b'])
  t.strictSame(offered(lines, 'bearer'), [])
})

t.test('lines that follow no grammar: offer nothing, and the others still do', async t => {
  t.strictSame(offered([], 'basic'), [])
  t.strictSame(offered([''], 'basic'), [])
  t.strictSame(offered(['Basic realm="x', '"'], 'digest'), [])
  t.match(offered(['Digest realm="x', 'Basic realm="y"', ', , ='], 'basic'), [{ scheme: 'Basic' }])
})

t.test('a challenge on two lines: is one', async t => {
  t.match(offered(['Digest realm="x"', 'nonce="a"'], 'digest'), [{ params: { realm: 'x', nonce: 'a' } }])
})

t.test('a comma between a scheme and its parameters: is overlooked', async t => {
  t.match(offered(['Digest, realm="x", nonce="a"'], 'digest'), [{ params: { realm: 'x', nonce: 'a' } }])
})
