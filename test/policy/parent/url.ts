import t from 'tap'
import { readParentUrl } from '../../../lib/policy/parent/url.js'
import { CANARY, refusesOption } from '../../fixtures/bad-option.js'

const NONE = { resolve: undefined, userinfo: undefined }

t.test('URLs of each scheme: are read, with the port of the scheme where they name none', async t => {
  for (const [text, protocol, host, port] of [
    ['http://parent.test:3128', 'http', 'parent.test', 3128],
    ['http://parent.test', 'http', 'parent.test', 80],
    ['HTTPS://Parent.Test./', 'https', 'parent.test', 443],
    ['https://parent.test:8443/', 'https', 'parent.test', 8443],
    ['socks5://192.0.2.1', 'socks5', '192.0.2.1', 1080],
    ['socks5://[2001:DB8::1]:65535', 'socks5', '2001:db8::1', 65_535],
    ['http://[::1]', 'http', '::1', 80],
    ['http://bücher.test:1', 'http', 'xn--bcher-kva.test', 1],
    ['http://0x7f.1', 'http', '127.0.0.1', 80]
  ] as const) t.strictSame(readParentUrl(text, 'url'), { protocol, host, port, ...NONE }, text)
})

t.test('socks5h: the parent resolves', async t => {
  t.strictSame(readParentUrl('socks5h://parent.test', 'url'), { protocol: 'socks5', host: 'parent.test', port: 1080, resolve: 'parent', userinfo: undefined })
})

t.test('userinfo: is decoded as UTF-8', async t => {
  for (const [userinfo, username, password] of [
    ['user:secret', 'user', 'secret'],
    ['user', 'user', ''],
    ['user:', 'user', ''],
    [':secret', '', 'secret'],
    ['user:a:b', 'user', 'a:b'],
    ['CORP%5Cus%40er:p%3A%2F%3F%23%25', 'CORP\\us@er', 'p:/?#%'],
    ['j%C3%B6rg:%E2%82%AC', 'jörg', '€'],
    ['jörg:€', 'jörg', '€'],
    ['user:a+b', 'user', 'a+b']
  ] as const) t.strictSame(readParentUrl(`http://${userinfo}@parent.test`, 'url').userinfo, { username, password }, userinfo)
  t.equal(readParentUrl('http://@parent.test', 'url').userinfo, undefined, 'an empty one is none')
})

t.test('a wrong URL: the error names the option and the defect, never the URL', async t => {
  const refuses = (value: unknown, got: string) => refusesOption(t, () => readParentUrl(value, 'parents[0].url'), 'parents[0].url', got)
  refuses(undefined, 'undefined')
  refuses(new URL('http://parent.test'), 'object')
  for (const text of ['', CANARY, `${CANARY}:3128`, `//${CANARY}`, `http:${CANARY}`, `http:/${CANARY}`, ` http://${CANARY}`, '1http://a']) refuses(text, 'text that is no URL')
  for (const scheme of ['ftp', 'socks4', 'socks5a', 'https2', 'constructor', 'ws']) refuses(`${scheme}://${CANARY}`, 'a URL of another scheme')
  for (const rest of ['/x', '//', '?', '#', '/?', '/#x', ' ', '\n', '\\', '/ ']) refuses(`http://${CANARY}${rest}`, 'a URL with a path, a query, a fragment, a space or a backslash')
  for (const host of ['', '[::1', '::1', '[::1]x', 'a b'.replace(' ', '%20'), '[canary]', `${CANARY}..test`, `[${CANARY}`, 'a]', '1.2.3.4.5', 'user:p@']) refuses(`http://${host}`, 'a URL with a bad host')
  for (const port of ['', '0', '65536', '-1', '080', '1e3', CANARY, '3128:1', '99999']) refuses(`http://parent.test:${port}`, 'a URL with a bad port')
  for (const userinfo of ['%', '%4', 'user:%zz', '%ff', 'user:%c3', 'user:p@ss', '@:x', `${CANARY}@x`]) refuses(`http://${userinfo}@parent.test`, 'a URL with userinfo that is badly percent-encoded')
})
