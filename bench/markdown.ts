// The table in markdown, and its place in a page.
import { readFileSync, writeFileSync } from 'node:fs'
import { HEAD } from './table.js'
import type { Lines } from './table.js'

const BEGIN = '<!-- bench: begin -->'
const END = '<!-- bench: end -->'

export function markdown (about: readonly string[], all: readonly Lines[], said: readonly string[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  const rows = all.flatMap(({ title, rows }) => [line([`**${title}**`, ...HEAD.slice(1).map(() => '')]), ...rows.map(line)])
  return [
    ...list(about), line(HEAD), line(HEAD.map((_, i) => i === 0 || i === 5 || i === 10 ? '---' : '---:')), ...rows, '', ...list(said)
  ].join('\n').trimEnd()
}

/** Puts it between the two comments of the page. */
export function replaceIn (file: string, table: string): void {
  const { before, after } = aroundTable(file)
  writeFileSync(file, `${before}\n\n${table}\n\n${after}`)
}

/**
 * What a page has before its table and behind it.
 *
 * @throws {Error} The page has no place for it.
 */
export function aroundTable (file: string): { readonly before: string, readonly after: string } {
  const page = readFileSync(file, 'utf8')
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${file} has no place for the table: ${BEGIN} and ${END}`)
  return { before: page.slice(0, begin + BEGIN.length), after: page.slice(end) }
}

function list (lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [...lines.map((line) => `- ${line}`), '']
}
