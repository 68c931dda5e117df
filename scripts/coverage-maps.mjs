// Takes out of tap's coverage the `null` that stands in tsx's source maps for the source of a file. The report takes it for an
// empty source, in which all is covered; without it the file itself is read.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'

const folder = '.tap/coverage'

for (const name of readdirSync(folder)) {
  const file = `${folder}/${name}`
  const coverage = JSON.parse(readFileSync(file, 'utf8'))
  for (const { data } of Object.values(coverage['source-map-cache'])) delete data.sourcesContent
  writeFileSync(file, JSON.stringify(coverage))
}
