import t from 'tap'
import { http2Fields } from '../../lib/fields/http2-fields.js'

const of = (...fields: string[]) => ({ ...http2Fields(fields) })

t.test('several lines of a field: they come together, in their order, the name in lower case', async t => {
  t.strictSame(of('X-A', '1', 'Set-Cookie', 'a', 'x-a', '2', 'SET-COOKIE', 'b'), { 'x-a': ['1', '2'], 'set-cookie': ['a', 'b'] })
  t.strictSame(of(), {})
  t.strictSame(Object.keys(http2Fields(['__proto__', '1', 'constructor', '2'])), ['__proto__', 'constructor'])
})

t.test('a field has one value: the first stays (F-21)', async t => {
  t.strictSame(of('Date', 'a', 'date', 'b', 'Location', '/a', 'LOCATION', '/b'), { date: ['a'], location: ['/a'] })
})

t.test('node takes a list for one value: its lines are joined (F-21)', async t => {
  t.strictSame(of('Content-Encoding', 'gzip', 'content-encoding', 'br', 'Content-Language', 'de'), { 'content-encoding': ['gzip, br'], 'content-language': ['de'] })
})

t.test('a field is about a connection: it is dropped (F-21)', async t => {
  t.strictSame(of('Connection', 'x', 'Upgrade', 'x', 'TE', 'x', 'Transfer-Encoding', 'x', 'Keep-Alive', 'x', 'Proxy-Connection', 'x', 'HTTP2-Settings', 'x', 'X', 'y'), { x: ['y'] })
})

t.test('a name or a value is none: it throws (F-21)', async t => {
  for (const name of [':status', ':path', '', 'a b', 'a:', 'é']) t.throws(() => http2Fields([name, 'x']), { code: 'ERR_INVALID_HTTP_TOKEN' }, name)
  for (const value of ['a\0', 'a\nb', 'a\rb', '\x01', '\x7f', 'Ж']) t.throws(() => http2Fields(['x', value]), { code: 'ERR_INVALID_CHAR' }, value)
  t.strictSame(of('x', '', 'y', 'é\t'), { x: [''], y: ['é\t'] })
})
