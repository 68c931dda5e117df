import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { FOLDER } from './compile.js'

const PLACE = new RegExp(`[\\w/:.-]*?(${FOLDER.replace('.', '\\.')}/[\\w/.-]+\\.js):(\\d+):(\\d+)`, 'g')
const MAP = /\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/

/**
 * Puts the place in the source where a text has a place in its compiled form. Node can do that for each stack by itself, and then reads
 * the map of each module of each test, which is an eighth of the processor time of the whole run.
 *
 * @example
 * withOriginalPlaces('at .compiled/test/index.js:12:3') // 'at test/index.ts:10:3'
 */
export function withOriginalPlaces (text: string): string {
  return text.replace(PLACE, (place: string, file: string, line: string, column: string) => {
    const map = MAP.exec(readFileSync(file, 'utf8'))?.[1]
    if (map === undefined) return place
    const entry = new SourceMap(JSON.parse(Buffer.from(map, 'base64').toString())).findEntry(Number(line) - 1, Number(column) - 1)
    if (!('originalSource' in entry)) return place
    const source = relative('.', join(dirname(file), entry.originalSource))
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
  })
}
