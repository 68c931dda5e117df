import { mkdirSync, writeFileSync } from 'node:fs'
import { certificate } from '../test/fixtures/certificate.js'
import { page } from '../test/fixtures/faults/page.js'
import { runAll, textOf, unheard } from '../test/fixtures/faults/run.js'
import { Scope } from './clients/scope.js'

// npm run faults  makes every fault happen and writes docs/internals/faults.md; fails if anything comes of one that must not

const FILE = 'docs/internals/faults.md'

const scope = new Scope()
const cells = await runAll(certificate(scope.asTest, 'elsewhere.test')).finally(async () => await scope.end())
const complain = (...words: unknown[]): void => {
  console.error(...words)
  process.exitCode = 1
}
for (const cell of cells) {
  const { row: { phase, fault }, form, wanted, outcome } = cell
  const text = textOf(cell)
  if (text !== wanted) complain(`${phase}, ${fault}, ${form.name}: ${text} in place of ${wanted}`)
  for (const failure of outcome?.unexpected ?? []) complain(`${phase}, ${fault}, ${form.name}:`, failure)
}
for (const error of unheard) complain('not caught:', error)
mkdirSync('docs/internals', { recursive: true })
writeFileSync(FILE, page(cells))
console.log(`${cells.length} cells, ${FILE}`)
