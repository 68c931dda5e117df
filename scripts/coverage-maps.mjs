// Mends what tsx does to tap's coverage.
//
// - The `null` that stands in its source maps for the source of a file is taken out: the report takes it for an empty source,
//   in which all is covered. Without it the file itself is read.
// - It adds a condition of its own to each `import()`, one side of which no test of ours can reach. It has no place in the
//   source map; what lies wholly within such text is of no file.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { SourceMap } from 'node:module'

const folder = '.tap/coverage'

for (const name of readdirSync(folder)) {
  const file = `${folder}/${name}`
  const coverage = JSON.parse(readFileSync(file, 'utf8'))
  const maps = coverage['source-map-cache']
  for (const { data } of Object.values(maps)) delete data.sourcesContent
  for (const { url, functions } of coverage.result) {
    if (maps[url] === undefined) continue
    const isOfNoFile = withoutSource(maps[url])
    for (const each of functions) each.ranges = each.ranges.filter((range, index) => index === 0 || !isOfNoFile(range))
  }
  writeFileSync(file, JSON.stringify(coverage))
}

/** Tells of a range whether no place in the source map is in it. */
function withoutSource ({ data, lineLengths }) {
  const map = new SourceMap(data)
  return ({ startOffset, endOffset }) => {
    let [line, start] = [0, 0]
    while (startOffset > start + lineLengths[line]) start += lineLengths[line++] + 1
    const [first, last] = [startOffset - start, endOffset - start]
    if (last > lineLengths[line]) return false // it goes on in the next line
    const { generatedLine, generatedColumn } = map.findEntry(line, last - 1)
    return generatedLine !== line || generatedColumn < first
  }
}
