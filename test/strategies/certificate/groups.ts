import type { PeerCertificate } from 'node:tls'
import t from 'tap'
import { groupsInCertificate } from '../../../lib/strategies/certificate/groups.js'

t.test('groups in a certificate: each of its organizational units once, in their order', async t => {
  const many = Array.from({ length: 5000 }, (_, index) => `unit ${index}`)
  const rows: Array<[name: string, OU: unknown, groups: string[]]> = [
    ['none', undefined, []],
    ['one', 'ops', ['ops']],
    ['several', ['ops', 'ci'], ['ops', 'ci']],
    ['empty ones', ['', 'ops', ''], ['ops']],
    ['an empty one alone', '', []],
    ['one twice, in two Unicode forms', ['caf\u00e9', 'ops', 'cafe\u0301', 'ops'], ['caf\u00e9', 'ops']],
    ['odd chars', ['a,b+c=d', 'ops\nOU=root', 'ops\0', ' ops', '"q"', '__proto__', 'gr\u00fcn'], ['a,b+c=d', 'ops\nOU=root', 'ops\0', ' ops', '"q"', '__proto__', 'gr\u00fcn']],
    ['very many', [...many, ...many], many]
  ]
  for (const [name, OU, groups] of rows) {
    t.strictSame(groupsInCertificate({ subject: { CN: 'alice', OU } } as unknown as PeerCertificate, 'OU'), groups, name)
  }
  t.strictSame(groupsInCertificate({} as PeerCertificate, 'OU'), [])
})
