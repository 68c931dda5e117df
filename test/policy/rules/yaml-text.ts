import t from 'tap'
import type { UnreadableDocument } from '../../../lib/policy/rules/located-document.js'
import { readYaml } from '../../../lib/policy/rules/yaml-text.js'

t.test('a text of YAML: times and words such as no are text in it', async t => {
  const { value } = readYaml('rules:\n  - from: 09:00\n    name: no # a comment\n    to: [a.test, "*.b.test"]\n    special: true\n')
  t.strictSame(value, { rules: [{ from: '09:00', name: 'no', to: ['a.test', '*.b.test'], special: true }] })
  t.equal(readYaml('').value, null)
  t.strictSame(readYaml('{"rules": []}').value, { rules: [] }, 'JSON is YAML')
  t.strictSame(readYaml('7: a').value, { 7: 'a' })
  t.strictSame(readYaml('a: &x [1]\nb: *x').value, { a: [1], b: [1] })
})

t.test('a text that is no YAML: the line is told, and nothing of the text', async t => {
  for (const [text, line] of [
    ['a: 1\na: 2', 2], ['a: [1,\n2\n', 2], ['a: 1\n---\nb: 2', 2], ['a: "canary\n', 2], ['a:\n\t- canary', 2], ['a: 1\nb: !canary 2', 2], ['a: *canary', 1], ['a\nb: 1', 1], ['a: 1\n? {b: canary}\n: 2', 2], ['a: &x 1\n*x : 2', 2]
  ] as const) {
    try {
      readYaml(text)
      t.fail(text)
    } catch (error) {
      t.equal((error as UnreadableDocument).line, line, text)
      t.match((error as UnreadableDocument).message, /^not YAML \([A-Za-z_, ]+\)$/)
      t.notMatch((error as UnreadableDocument).message, 'canary')
    }
  }
})

t.test('a text that would be endless: it is an error', async t => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', ...'bcdefgh'.split('').map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[index]}`).join(', ')}]`)].join('\n')
  t.throws(() => readYaml(bomb), { line: 1, message: 'not YAML (aliases of what there is not, or too many)' })
})

t.test('the line of a part: it is told, and of what is not there the nearest', async t => {
  const { lineOf } = readYaml('\nrules:\n  - {}\n  - to:\n      - a\n      - b\n    x:\nother: *o\n'.replace('*o', '1'))
  for (const [path, line] of [
    [[], 1], [['rules'], 3], [['rules', 0], 3], [['rules', 1], 4], [['rules', 1, 'to'], 5], [['rules', 1, 'to', 1], 6], [['rules', 1, 'to', 2], 5], [['rules', 1, 'y', 'z'], 4], [['other', 'x'], 8], [['none'], 1]
  ] as const) t.equal(lineOf(path), line, path.join('.'))
})

t.test('a package that is not there: the error names it', async t => {
  t.throws(() => readYaml('', () => { throw new Error('not found') }), { code: 'FST_PROXY_AUTH_MISSING_PACKAGE', message: /npm install yaml$/ })
})
