import type { Socket } from 'node:net'
import t from 'tap'
import { createOwnAuthority } from '../../../lib/proxy/ingress/own-authority.js'

const LOOPBACK = { localAddress: '127.0.0.1', localPort: 8080 } as Socket

t.test('the address that the client has connected to: it is ours, and so is its name on loopback (R-TGT-11)', async t => {
  const isOwn = createOwnAuthority([])
  const rows: Array<[localAddress: string | undefined, own: string[], foreign: string[]]> = [
    ['127.0.0.1', ['127.0.0.1', '127.0.0.1:8080', 'localhost', 'LOCALHOST:8080', '[::ffff:127.0.0.1]'], ['127.0.0.1:80', 'localhost:80', '127.0.0.2', '[::1]', 'a.test', '10.0.0.1']],
    ['::ffff:127.0.0.1', ['127.0.0.1:8080', 'localhost'], ['[::1]']],
    ['::1', ['[::1]', '[::1]:8080', 'localhost'], ['127.0.0.1', '[::1]:80']],
    ['10.0.0.1', ['10.0.0.1', '10.0.0.1:8080'], ['localhost', '127.0.0.1', '10.0.0.2']],
    [undefined, [], ['localhost', '127.0.0.1']]
  ]
  for (const [localAddress, own, foreign] of rows) {
    for (const authority of own) t.equal(isOwn(authority, { localAddress, localPort: 8080 } as Socket), true, `${authority} at ${localAddress}`)
    for (const authority of foreign) t.equal(isOwn(authority, { localAddress, localPort: 8080 } as Socket), false, `${authority} at ${localAddress}`)
  }
})

t.test('the name that the client asked for in TLS: it is ours', async t => {
  const isOwn = createOwnAuthority([])
  const connection = { ...LOOPBACK, servername: 'gw.test' } as never
  for (const authority of ['gw.test', 'GW.test:8080', 'gw.test.']) t.equal(isOwn(authority, connection), true, authority)
  for (const authority of ['gw.test:443', 'x.gw.test', 'other.test']) t.equal(isOwn(authority, connection), false, authority)
  t.equal(isOwn('gw.test', { ...LOOPBACK, servername: false } as never), false)
})

t.test('an authority that the option names: it is ours', async t => {
  const isOwn = createOwnAuthority(['a.test', 'B.test:443', '[2001:db8::1]'])
  for (const authority of ['a.test', 'a.test:1', 'b.test:443', '[2001:DB8::1]:9']) t.equal(isOwn(authority, LOOPBACK), true, authority)
  for (const authority of ['b.test', 'b.test:80', 'c.test']) t.equal(isOwn(authority, LOOPBACK), false, authority)
})

t.test('text that is no authority: it is not ours', async t => {
  for (const authority of ['', 'a b', 'alice@localhost', 'localhost:', '127.0.0.1:x', 'a%20b']) {
    t.equal(createOwnAuthority([])(authority, LOOPBACK), authority === 'localhost:', authority)
  }
})

t.test('an option that is no authority: the boot fails', async t => {
  for (const wrong of ['http://a.test', 'a.test/x', '', 'alice@a.test', 1, null]) {
    t.throws(() => createOwnAuthority([wrong as string]), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  }
})
