import fc from 'fast-check'
import t from 'tap'
import { readJson } from '../../../lib/policy/rules/json-text.js'

t.test('any JSON: it is read as JSON.parse reads it', async t => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 2, '\t'), (value, space) => {
    const text = JSON.stringify(value, null, space)
    t.strictSame(readJson(`\r\n${text} \n`).value, JSON.parse(text))
  }))
  t.strictSame(readJson('[1e3, -0.5, "\\u00e4\\n\\/", true, false, null, {}, []]').value, [1000, -0.5, 'ä\n/', true, false, null, {}, []])
  t.strictSame(Object.keys(readJson('{"__proto__": {"rules": []}}').value as object), ['__proto__'], 'which is a name as any other')
})

t.test('a text that is no JSON: the line is told, and nothing of the text', async t => {
  for (const [text, line] of [
    ['', 1], ['\n\n', 3], ['{\n"a": 1,\n}', 3], ['[1,\n2\n', 3], ['[1 2]', 1], ['[,]', 1], ['[1,]', 1], ['{,}', 1], ['{"a" 1}', 1], ['{"a":}', 1], ['{"a":1 "b":2}', 1], ['{1:2}', 1], ['{"a":1,,}', 1], ['{a: 1}', 1],
    ['\n{"a": canary}', 2], ['{\n"a": "canary\n"}', 2], ['"\\x"', 1], ["'a'", 1], ['01', 1], ['1.', 1], ['+1', 1], ['[1]\n]', 2], ['1 2', 1], ['{"a": 1} // canary', 1], ['nul', 1], [':', 1], ['}', 1], ['{\n"a":1}}', 2]
  ] as const) {
    t.throws(() => JSON.parse(text), text)
    t.throws(() => readJson(text), { line, message: 'not JSON' }, JSON.stringify(text))
  }
})

t.test('a name that comes twice: it is an error, as the last would count', async t => {
  t.throws(() => readJson('{"a": 1,\n"b": {"a": 1},\n"a": 2}'), { line: 3, message: 'a name comes twice' })
})

t.test('lists in lists without end: they are an error', async t => {
  t.throws(() => readJson('['.repeat(100_000)), { line: 1, message: 'too deep' })
})

t.test('the line of a part: it is told, and of what is not there the nearest', async t => {
  const { lineOf } = readJson('\n{\n  "rules": [\n    {},\n    {\n      "to": ["a",\n        "b"]\n    }\n  ]\n}')
  for (const [path, line] of [
    [[], 2], [['rules'], 3], [['rules', 0], 4], [['rules', 1], 5], [['rules', 1, 'to'], 6], [['rules', 1, 'to', 0], 6], [['rules', 1, 'to', 1], 7], [['rules', 1, 'to', 2], 6], [['rules', 1, 'x', 'y'], 5], [['x'], 2]
  ] as const) t.equal(lineOf(path), line, path.join('.'))
})
