import { transformSync } from 'esbuild'
import t from 'tap'
import { withOriginalPlaces } from '../../scripts/test/original-places.js'

const SOURCE = 'interface Gone {\n  a: string\n}\n\nexport const thrower = (): Gone => { throw new Error(\'no\') }\n'

t.test('a place in what is compiled: the place in the source', async (t) => {
  const { code } = transformSync(SOURCE, { loader: 'ts', sourcemap: 'inline', sourcefile: '../../test/some.ts' })
  const line = code.split('\n').findIndex((each) => each.includes('new Error')) + 1
  const column = code.split('\n')[line - 1]!.indexOf('new Error') + 1
  const folder = t.testdir({ '.compiled': { test: { 'some.js': code, 'bare.js': 'throw 1\n' } } })
  const before = process.cwd()
  t.teardown(() => process.chdir(before))
  process.chdir(folder)
  const place = `.compiled/test/some.js:${line}:${column}`
  t.equal(withOriginalPlaces(`thrower (${place})\n file://${folder}/${place}`), 'thrower (test/some.ts:5:44)\n test/some.ts:5:44')
  for (const other of ['.compiled/test/bare.js:1:1', 'test/some.ts:1:1']) t.equal(withOriginalPlaces(other), other)
})
