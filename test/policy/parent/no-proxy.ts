import t from 'tap'
import { readNoProxy } from '../../../lib/policy/parent/no-proxy.js'
import { readAddress } from '../../../lib/policy/address/address.js'

const holds = (text: string, host: string, port = 443): boolean => {
  const list = readNoProxy(text)
  const address = readAddress(host)
  return (address === null ? list.matchName(host, port) : list.matchAddress(address, port)) !== null
}
const rows = (rows: ReadonlyArray<readonly [text: string, host: string, expected: boolean, port?: number]>) => {
  for (const [text, host, expected, port] of rows) t.equal(holds(text, host, port), expected, `${text}: ${host}:${port ?? 443}`)
}

t.test('no_proxy with names: they hold themselves and all below, with dots before them or without', async () => {
  for (const text of ['example.test', '.example.test', '*.example.test', '..example.test', 'Example.Test.', ' , example.test ,, ', 'other.test\texample.test']) {
    rows([[text, 'example.test', true], [text, 'www.example.test', true], [text, 'a.b.example.test', true, 8080], [text, 'notexample.test', false], [text, 'test', false]])
  }
  rows([['localhost', 'localhost', true], ['bücher.test', 'xn--bcher-kva.test', true], ['test', 'www.test', true]])
})

t.test('no_proxy with ports: they hold that port alone', async () => {
  rows([
    ['example.test:8443', 'www.example.test', true, 8443], ['example.test:8443', 'example.test', false, 443],
    ['192.0.2.1:80', '192.0.2.1', true, 80], ['192.0.2.1:80', '192.0.2.1', false, 443],
    ['[2001:db8::1]:80', '2001:db8::1', true, 80], ['[2001:db8::1]:80', '2001:db8::1', false, 443],
    ['example.test:', 'example.test', false], ['example.test:http', 'example.test', false], ['example.test:99999', 'example.test', false]
  ])
})

t.test('no_proxy with an asterisk: it holds everything', async () => {
  for (const text of ['*', 'a.test,*']) rows([[text, 'b.test', true], [text, '192.0.2.1', true, 1], [text, '::1', true]])
  rows([['*example.test', 'example.test', false], ['a*.test', 'ab.test', false]])
})

t.test('no_proxy with addresses and blocks: they hold addresses, and no names', async () => {
  rows([
    ['192.0.2.1', '192.0.2.1', true], ['192.0.2.1', '192.0.2.2', false], ['192.0.2', '192.0.2.1', false],
    ['10.0.0.0/8', '10.255.0.1', true], ['10.1.2.3/8', '10.255.0.1', true], ['10.1.2.3/8', '11.0.0.1', false], ['0.0.0.0/0', '192.0.2.1', true],
    ['0.0.0.0/0', '::1', false], ['192.0.2.1/32', '192.0.2.1', true], ['192.0.2.1/32', '192.0.2.0', false],
    ['::1', '::1', true], ['[::1]', '::1', true], ['2001:db8::/32', '2001:db8:1::1', true], ['[2001:db8::1]/32', '2001:db8:1::1', true],
    ['[2001:db8::/32]', '2001:db8:1::1', true], ['2001:db8::1/32', '2001:db9::1', false], ['::ffff:10.0.0.0/104', '10.1.1.1', true], ['::ffff:10.1.2.3/104', '10.9.1.1', true], ['::ffff:10.1.2.3/104', '11.1.1.1', false],
    ['0.0.0.0/0', 'a.test', false]
  ])
})

t.test('no_proxy with what is no entry: it holds nothing', async () => {
  for (const text of ['', ',', '.', '*.', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/x', '10.0/8', '::ffff:10.0.0.0/95', 'a b/8', 'http://example.test', 'example.test/x', '[::1', '[::1]x', '-/1', '::/129', 'a..b']) {
    for (const host of ['example.test', '10.1.1.1', '::1', 'a.b']) t.notOk(holds(text, host), text)
  }
})
