// npm run docs              writes docs/reference/options.md, errors.md and api/ from the types, their comments and the registry of errors
// npm run docs -- --check   fails where what is there differs
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { apiPages } from './docs/api.js'
import { errorsPage } from './docs/errors.js'
import { optionsPage } from './docs/options.js'
import { differences, write } from './docs/pages.js'
import { readProject } from './docs/project.js'

const FOLDER = 'docs/reference'

const out = await mkdtemp(join(tmpdir(), 'docs-'))
try {
  const reading = await readProject(out)
  const pages = new Map([
    ['options.md', optionsPage(reading)],
    ['errors.md', errorsPage(reading.project)],
    ...[...await apiPages(reading, out)].map(([file, text]) => [`api/${file}`, text] as const)
  ])
  if (process.argv.includes('--check')) {
    const found = await differences(FOLDER, pages)
    for (const difference of found) console.error(difference)
    if (found.length > 0) throw new Error('the reference is not what the types and comments say: npm run docs')
  } else await write(FOLDER, pages)
  console.log(`${pages.size} pages`)
} finally {
  await rm(out, { recursive: true, force: true })
}
