import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'

// Compiles the code of the sandbox, beside its source. The code that StrykerJS has instrumented counts how often each mutant is
// passed, which takes most of the time of a test. The counts are wanted once, of the code without a mutant: the compiled code is
// told to leave them out otherwise.

const COUNT = 'function cover() {'

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--noCheck', '--noEmit', 'false'], { stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: '' } })
let files = 0
for (const entry of readdirSync('lib', { recursive: true, encoding: 'utf8' })) {
  if (!entry.endsWith('.js')) continue
  const text = readFileSync(`lib/${entry}`, 'utf8')
  if (!text.includes(COUNT)) continue
  writeFileSync(`lib/${entry}`, text.replace(COUNT, `${COUNT} if (ns.activeMutant !== undefined) return;`))
  files++
}
if (files === 0) throw new Error(`no "${COUNT}" in the compiled code`)
