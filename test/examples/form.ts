// What all examples have in common.
import { readFileSync, readdirSync } from 'node:fs'
import t from 'tap'

const names = readdirSync('examples').filter(name => name.endsWith('.mjs')).sort()
const tests = readdirSync('test/examples').map(name => readFileSync(`test/examples/${name}`, 'utf8')).join('')

for (const name of names) {
  t.test(`examples/${name}: is short, says how to run it, and has a test`, async t => {
    const lines = readFileSync(`examples/${name}`, 'utf8').trimEnd().split('\n')
    const comment = lines.slice(0, lines.findIndex(line => !line.startsWith('//')))
    t.ok(lines.length <= 30, `${lines.length} lines`)
    t.ok(comment.some(line => /^\/\/ {3}/.test(line) && line.includes(`node examples/${name}`)), 'how to run it')
    t.ok(tests.includes(`'${name.slice(0, -4)}'`) || tests.includes(name), 'a test starts it')
  })
}

t.test('examples/README.md: its table has each example once, and no other', async t => {
  const table = [...readFileSync('examples/README.md', 'utf8').matchAll(/^\| \[`([\w-]+\.mjs)`\]\(\1\) \|/gm)].map(([, name]) => name)
  t.strictSame(table.sort(), names)
})
