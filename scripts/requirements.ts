import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readOpenPage, readProvenIds, readRequirements, trace, withoutStaleRows } from './trace.js'

// npm run requirements            fails for a rule without a test and without a line of its own in requirements-open.md,
//                                 for an unknown id, and for a line that a test has made stale
// npm run requirements -- --fix   takes the stale lines out first

const REQUIREMENTS = 'docs/internals/requirements.md'
const OPEN = 'docs/internals/requirements-open.md'

const proven = new Map<string, string[]>()
for (const path of testFiles('test')) {
  for (const id of readProvenIds(readFileSync(path, 'utf8'))) proven.set(id, [...proven.get(id) ?? [], path])
}

if (process.argv.includes('--fix')) {
  const page = readFileSync(OPEN, 'utf8')
  writeFileSync(OPEN, withoutStaleRows(page, new Set(proven.keys())))
}

const { findings, sections } = trace(
  readRequirements(readFileSync(REQUIREMENTS, 'utf8')), readOpenPage(readFileSync(OPEN, 'utf8')), proven
)
for (const { section, proven, open, otherwise } of sections) {
  console.log(`§${section}: ${proven} proven, ${open} open${otherwise > 0 ? `, ${otherwise} decided otherwise` : ''}`)
}
for (const finding of findings) console.error(finding)
process.exitCode = findings.length > 0 ? 1 : 0

function testFiles (folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[cm]?ts$/.test(path) && !path.startsWith('fixtures'))
    .map((path) => `${folder}/${path}`).sort()
}
