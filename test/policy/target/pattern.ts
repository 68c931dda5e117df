import t from 'tap'
import { parsePattern, type Pattern } from '../../../lib/policy/target/pattern.js'

const block = (family: 4 | 6, bits: bigint, length: number, port: number | '*' | null = null): Pattern =>
  ({ kind: 'prefix', prefix: { family, bits, length }, port })
const DB8 = 0x20010db8n << 96n

const good: Array<[text: string, pattern: Pattern]> = [
  ['*', { kind: 'any', port: null }],
  ['*:*', { kind: 'any', port: '*' }],
  ['*:8443', { kind: 'any', port: 8443 }],
  ['example.org', { kind: 'name', name: 'example.org', port: null }],
  ['EXAMPLE.org.', { kind: 'name', name: 'example.org', port: null }],
  ['bücher.example:8443', { kind: 'name', name: 'xn--bcher-kva.example', port: 8443 }],
  ['example.org:*', { kind: 'name', name: 'example.org', port: '*' }],
  ['localhost:65535', { kind: 'name', name: 'localhost', port: 65535 }],
  ['*.Example.org', { kind: 'subdomains', name: 'example.org', port: null }],
  ['*.org.:1', { kind: 'subdomains', name: 'org', port: 1 }],
  ['192.0.2.1', block(4, 0xc0000201n, 32)],
  ['0x7f.1:80', block(4, 0x7f000001n, 32, 80)],
  ['127.0.0.1:*', block(4, 0x7f000001n, 32, '*')],
  ['10.0.0.0/8', block(4, 0x0a000000n, 8)],
  ['10.0.0.0/8:443', block(4, 0x0a000000n, 8, 443)],
  ['0.0.0.0/0', block(4, 0n, 0)],
  ['2001:db8::1', block(6, DB8 + 1n, 128)],
  ['[2001:db8::1]', block(6, DB8 + 1n, 128)],
  ['[2001:db8::1]:443', block(6, DB8 + 1n, 128, 443)],
  ['2001:DB8::/32', block(6, DB8, 32)],
  ['[2001:db8::/32]:443', block(6, DB8, 32, 443)],
  ['[2001:db8::]/32:*', block(6, DB8, 32, '*')],
  ['::/0', block(6, 0n, 0)],
  ['[::ffff:127.0.0.1]:80', block(4, 0x7f000001n, 32, 80)],
  ['::ffff:10.0.0.0/104', block(4, 0x0a000000n, 8)]
]

for (const [text, pattern] of good) {
  t.test(`the pattern ${text} (R-CONNECT-10)`, async t => { t.strictSame(parsePattern(text, 'forward.allow[0]'), pattern) })
}

const bad = [
  '', '.', 'exa mple.org', 'a..b', 'https://example.org', 'example.org/path', 'u@example.org', 'ex%61mple.org',
  '*example.org', 'www.*.org', '*.*.org', '**', '*.', '*.*', '*.10.0.0.1', '*.[::1]', '*/8',
  'example.org:', 'example.org:0', 'example.org:0443', 'example.org:65536', 'example.org:+1', 'example.org:http', 'example.org:80-90', ':443',
  '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/8/8', '10.0.0.1/8', '10/8', '0x0a.0.0.0/8', '10.0.0.0/8:', 'example.org/8',
  '::/129', '2001:db8::1/64', '::ffff:10.0.0.0/95', '::ffff:10.0.0.0/129', '::ffff:0.0.0.0/8', 'fe80::1%eth0', 'fe80::%eth0/10',
  '[::1', '[::1]x', '[::1]443', '[::1]:', '[::1]:99999', '[10.0.0.1]:80', '[example.org]:80', '[]', '[]:80', '::1]:80', '2001:db8::/32:443'
]

t.test('text that is no pattern: the boot fails, and the error names the option and never the value', async t => {
  for (const text of bad) {
    try {
      parsePattern(text, 'forward.allow[2]')
      t.fail(text)
    } catch (error) {
      const { code, statusCode, message } = error as { code: string, statusCode: number, message: string }
      t.strictSame([code, statusCode], ['FST_PROXY_AUTH_BAD_OPTION', 500], text)
      t.ok(message.includes('forward.allow[2]'), text)
      if (text.length > 4) t.notOk(message.includes(text), text)
    }
  }
})

t.test('a pattern that is no string: it is refused, and the error names its type', async t => {
  for (const value of [undefined, null, 443, {}, ['example.org']]) {
    t.throws(() => parsePattern(value as unknown as string, 'forward.deny[0]'), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: typeof value })
  }
})

t.test('what people write in the place of a pattern: the message says what to write (F-35)', async t => {
  for (const [text, message] of [
    ['https://registry.test', /got a URL: write its host/], ['http://10.0.0.1/8', /got a URL/], ['https://alice:canary@registry.test/', /got a URL: (?!.*canary)/],
    ['.example.org', /got a name with a leading dot; did you mean '\*\.example\.org'\?/],
    ['github.com/org', /got a path: a tunnel has none, so write the host alone/], ['github.com:443/org', /got a path/], ['example.org/8', /got a string with a CIDR of no address/]
  ] as const) t.throws(() => parsePattern(text, 'forward.allow[0]'), { code: 'FST_PROXY_AUTH_BAD_OPTION', message }, text)
})
