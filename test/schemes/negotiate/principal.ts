import t from 'tap'
import { readPrincipal } from '../../../lib/schemes/negotiate/principal.js'

t.test('a principal: it is split into name and realm at the last @ that is not escaped', async t => {
  for (const [principal, name, realm] of [
    ['alice@TEST.LOCAL', 'alice', 'TEST.LOCAL'], ['HTTP/proxy.test@TEST.LOCAL', 'HTTP/proxy.test', 'TEST.LOCAL'],
    ['alice\\@corp@TEST.LOCAL', 'alice\\@corp', 'TEST.LOCAL'], ['a@b@C', 'a@b', 'C'], ['a\\\\@R', 'a\\\\', 'R'], ['a@R\\@X', 'a', 'R\\@X']
  ] as const) t.same(readPrincipal(principal), { principal, name, realm })
  for (const principal of ['', 'alice', '@R', 'alice@', 'alice\\@R', '\\']) t.equal(readPrincipal(principal), undefined, principal)
})
