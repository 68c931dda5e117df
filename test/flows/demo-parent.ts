// The demo behind another proxy: what its variables mean.
import t from 'tap'
import { parentsOf } from '../../demo/parent.js'
import { readParents } from '../../lib/policy/parent/read-parents.js'
import type { ParentsOption } from '../../lib/policy/parent/parent-options.js'
import type { Parent } from '../../lib/policy/parent/parent.js'
import type { ProxyIdentity } from '../../lib/types.js'

const alice: ProxyIdentity = { name: 'alice', user: {}, info: undefined, scheme: 'Basic', realm: 'Gateway' }
const read = (env: Record<string, string>) => readParents(parentsOf(env).parents as ParentsOption, 'forward.parents')

t.test('the demo without PARENT: has no parent, whatever else is set', async t => {
  for (const env of [{}, { PARENT: '' }, { NO_PROXY: '*', PARENT_SCHEME: 'digest', HTTP_PROXY: 'http://other.test' }]) t.strictSame(parentsOf(env), {})
})

t.test('PARENT_SCHEME: says what the name and the password in PARENT are', async t => {
  for (const [env, expected] of [
    [{ PARENT: 'http://bob:p%40ss@parent.test:3128' }, { scheme: 'Basic', username: 'bob', password: 'p@ss' }],
    [{ PARENT: 'socks5://bob:secret@parent.test' }, { scheme: 'Basic', username: 'bob', password: 'secret' }],
    [{ PARENT: 'http://bob:p%40:ss@parent.test:3128', PARENT_SCHEME: 'basic' }, { scheme: 'Basic', username: 'bob', password: 'p@:ss' }],
    [{ PARENT: 'https://bob:secret@parent.test', PARENT_SCHEME: 'digest' }, { scheme: 'Digest', username: 'bob', password: 'secret' }],
    [{ PARENT: 'http://:bob-token@parent.test', PARENT_SCHEME: 'bearer' }, { scheme: 'Bearer', token: 'bob-token' }],
    [{ PARENT: 'http://bob:secret@parent.test', PARENT_SCHEME: 'ntlm' }, { scheme: 'NTLM', username: 'bob', password: 'secret' }],
    [{ PARENT: 'http://CORP%5Cbob:secret@parent.test', PARENT_SCHEME: 'ntlm' }, { scheme: 'NTLM', username: 'bob', password: 'secret', domain: 'CORP' }],
    [{ PARENT: 'http://parent.test', PARENT_SCHEME: 'negotiate' }, { scheme: 'Negotiate' }],
    [{ PARENT: 'http://bob%40EXAMPLE.ORG@parent.test', PARENT_SCHEME: 'negotiate' }, { scheme: 'Negotiate', principal: 'bob@EXAMPLE.ORG' }],
    [{ PARENT: 'http://bob:secret@parent.test', PARENT_SCHEME: 'aws4' }, { scheme: 'AWS4', accessKeyId: 'bob', secretAccessKey: 'secret', region: 'local', service: 'proxy' }]
  ] as const) {
    const [parent] = read(env as Record<string, string>).all as [Parent]
    t.equal(parent.host, 'parent.test')
    t.match(parent.credentials!(alice), expected, env.PARENT)
  }
  t.equal(read({ PARENT: 'http://parent.test' }).all[0]!.credentials, null)
})

t.test('NO_PROXY: its targets are reached without the parent, and no others', async t => {
  const parents = read({ PARENT: 'http://parent.test', NO_PROXY: '.corp.test, *.lab.test,10.0.0.0/8,::1,192.0.2.1:8080,a.test' })
  for (const [host, direct, port = 443] of [
    ['corp.test', true], ['www.corp.test', true], ['www.lab.test', true], ['10.1.1.1', true], ['::1', true], ['192.0.2.1', true, 8080], ['192.0.2.1', false], ['b.a.test', true],
    ['b.test', false]
  ] as const) {
    t.strictSame(await parents.choose({ host, port, scheme: 'connect' }, alice), direct ? ['direct'] : [...parents.all], `${host}:${port}`)
  }
  t.strictSame(await read({ PARENT: 'http://parent.test', NO_PROXY: '*' }).choose({ host: 'a.test', port: 443, scheme: 'connect' }, alice), ['direct'])
})

t.test('a wrong variable: the error has no value', async t => {
  for (const env of [{ PARENT: 'http://bob:canary@parent.test', PARENT_SCHEME: 'kerberos' }, { PARENT: 'canary', PARENT_SCHEME: 'digest' }, { PARENT: 'canary' }, { PARENT: 'http://bob:canary%@parent.test' }]) {
    try {
      read(env as unknown as Record<string, string>)
      t.fail('it is taken')
    } catch (error) {
      t.notMatch((error as Error).message, 'canary')
    }
  }
})
