import { readFileSync } from 'node:fs'
import t from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { page } from '../fixtures/faults/page.js'
import { runAll, textOf, unheard } from '../fixtures/faults/run.js'

t.setTimeout(900_000)

t.test('every fault, in each phase of each form: a status and a log line that fit, and nothing is left or uncaught', { skip: openssl.skip }, async t => {
  const cells = await runAll(certificate(t, 'elsewhere.test'))
  for (const row of new Set(cells.map(({ row }) => row))) {
    t.test(`${row.phase}, ${row.fault}: a status and a line that fit, no socket left, nothing uncaught (R-PS-4, R-PS-5)`, async t => {
      for (const cell of cells.filter(cell => cell.row === row)) {
        t.equal(textOf(cell), cell.wanted, cell.form.name)
        t.strictSame(cell.outcome?.unexpected ?? [], [], 'no error that is none of ours')
      }
    })
  }
  t.strictSame(unheard, [], 'nothing is thrown that no one catches')
  t.test('docs/internals/faults.md says so: else npm run faults', async t => {
    t.equal(page(cells), readFileSync('docs/internals/faults.md', 'utf8'))
  })
})
