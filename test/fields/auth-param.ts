import t from 'tap'
import { formatAuthParams, readAuthParam, readAuthParams } from '../../lib/fields/auth-param.js'
import { MAX_PARAMS } from '../../lib/fields/grammar.js'

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_FIELD' }
const NOT_REPRESENTABLE = { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' }
const read = (text: string, lenient = false) => ({ ...readAuthParams(text, 0, 'credentials', lenient) })

t.test('a parameter: it is read with its name in lower case (R-PARSE-5)', async t => {
  const params: Record<string, string> = {}
  t.equal(readAuthParam('x ReAlM="X, y" ,', 2, params, 'challenge'), 14)
  t.strictSame(params, { realm: 'X, y' })
  t.equal(readAuthParam('a=b/c', 0, params, 'challenge'), 3, 'a value ends where its token does')
})

t.test('whitespace around "=": it is dropped (R-PARSE-2)', async t => {
  t.strictSame(read('a\t=  1 , b =\t"2"'), { a: '1', b: '2' })
})

t.test('a token and a quoted-string of the same text: they mean the same (R-PARSE-4)', async t => {
  t.strictSame(read('stale=true'), read('stale="true"'))
})

t.test('empty members of a list: they do not count (R-PARSE-1)', async t => {
  t.strictSame(read(', ,a=1,,b=2, '), { a: '1', b: '2' })
  t.strictSame(read(' ,'), {})
  t.strictSame(read(''), {})
})

t.test('text that is no list of parameters: it is refused, with the index of the fault', async t => {
  const cases: Array<[string, number]> = [
    ['a', 1], ['a b', 2], ['=1', 0], ['a=', 2], ['a=,', 2], ['a=1 b=2', 4], ['a=1;b=2', 3], ['a="1"b', 5],
    ['a=1, a=2', 5], ['a=1, A=2', 5], ['a="', 3], ['"a"=1', 0], ['a=\u00e9', 2]
  ]
  for (const [text, at] of cases) {
    t.throws(() => read(text), { ...MALFORMED, message: new RegExp(`credentials.*index ${at}$`) }, text)
  }
})

t.test('a parameter named __proto__ or constructor: it is read like any other (R-PARSE-6)', async t => {
  const params = readAuthParams('__proto__=1, constructor=2', 0, 'credentials')
  t.strictSame(Object.entries(params), [['__proto__', '1'], ['constructor', '2']])
  t.equal(Object.getPrototypeOf(params), null)
  t.equal(Object.getPrototypeOf({}), Object.prototype)
  t.throws(() => read('__proto__=1, __PROTO__=2'), MALFORMED)
})

t.test('more parameters than the cap: they are refused (R-PARSE-11)', async t => {
  const list = (length: number) => Array.from({ length }, (_, i) => `p${i}=x`).join(',')
  t.equal(Object.keys(read(list(MAX_PARAMS))).length, MAX_PARAMS)
  t.throws(() => read(list(MAX_PARAMS + 1)), MALFORMED)
})

t.test('a value in lenient parsing: it goes up to the comma (R-AWS-1)', async t => {
  t.strictSame(read('Credential=AK/20150830/x, SignedHeaders=host;x-date,Signature=5f==', true),
    { credential: 'AK/20150830/x', signedheaders: 'host;x-date', signature: '5f==' })
  for (const text of ['a=b c', 'a=b"c"', 'a=\u00e9', 'a=', 'a==']) t.throws(() => read(text, true), MALFORMED, text)
})

t.test('parameters that are written: only comma and SP stand between them, in the order given (R-CH-8)', async t => {
  t.equal(formatAuthParams({ Z: '1', a: '2', B: 'x y' }, (name) => name === 'a' ? 'quoted' : 'either'), 'Z=1, a="2", B="x y"')
  t.equal(formatAuthParams({}, () => 'quoted'), '')
  t.equal(formatAuthParams({ a: '' }, () => 'either'), 'a=""')
})

t.test('parameters that a parser would refuse: they are not written (R-CH-3, R-CH-6)', async t => {
  t.throws(() => formatAuthParams({ '': 'x' }, () => 'either'), NOT_REPRESENTABLE)
  t.throws(() => formatAuthParams({ 'a b': 'x' }, () => 'either'), { ...NOT_REPRESENTABLE, message: /index 1/ })
  t.throws(() => formatAuthParams({ realm: 'a', Realm: 'b' }, () => 'quoted'), NOT_REPRESENTABLE)
  t.throws(() => formatAuthParams({ a: 'tr ue' }, () => 'token'), { ...NOT_REPRESENTABLE, message: /index 2/ })
  t.throws(() => formatAuthParams({ a: '' }, () => 'token'), NOT_REPRESENTABLE)
  t.throws(() => formatAuthParams({ a: '1\r\n' }, () => 'either'), { ...NOT_REPRESENTABLE, message: /index 1/ })
})
