import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

const ci = readFileSync('.ci/run', 'utf8')
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Readonly<Record<string, string>> }

/** The words of a script that the pattern finds, their braces expanded. */
function wordsOf (pattern: RegExp): readonly string[] {
  const words = ci.match(pattern) ?? []
  return execFileSync('bash', ['-c', `printf '%s\\n' ${words.join(' ')}`], { encoding: 'utf8' }).trim().split('\n')
}

t.test('a test that a stage of .ci/run names: it is there', async (t) => {
  const named = wordsOf(/(?<=\s)test\/[\w/{},.-]+/g)
  t.ok(named.length > 10, 'the stage on the newest Node names its tests')
  for (const path of named) t.ok(existsSync(path), path)
})

t.test('a script that a stage of .ci/run starts: package.json has it', async (t) => {
  const named = [...ci.matchAll(/npm run (?:-s )?([\w:-]+)/g)].map(([, name]) => name!)
  t.ok(named.length > 5)
  for (const name of named) t.ok(name in scripts, name)
})
