import { inspect } from 'node:util'
import type { TAP } from 'tap'
import { withOriginalPlaces } from './original-places.js'

/** A parser of TAP: that of a file, or of a subtest in it. */
type Parser = TAP['parser']

/** What tap says of a failure. */
interface Diagnosis {
  readonly diff?: string
  readonly at?: { readonly fileName: string, readonly lineNumber: number, readonly columnNumber: number }
  readonly stack?: string
}

/** A reporter for what is no terminal: a line for each file, what failed and what was skipped in it, and the sum at the end. */
export function tellPlainly (t: TAP): void {
  t.register()
  const notes = new Map<string, string[]>()
  t.on('spawn', file => {
    const told: string[] = []
    notes.set(file.name, told)
    const listen = (parser: Parser): void => {
      parser.on('child', listen)
      parser.on('assert', ({ ok, skip, closingTestPoint, fullname, diag }) => {
        if (skip !== false) told.push(`  skipped: ${fullname} # ${skip}`)
        else if (!ok && !closingTestPoint) told.push(`  not ok: ${fullname}`, ...readable(diag))
      })
    }
    listen(file.parser)
  })
  // Known only here: how its process ended.
  t.parser.on('assert', ({ ok, name, time, diag }) => {
    const told = notes.get(name) ?? []
    if (!ok && !told.some(note => note.startsWith('  not ok'))) told.push(...readable(diag))
    console.log([`${ok ? 'ok' : 'not ok'} ${name} ${Math.round(time ?? 0)} ms`, ...told].join('\n'))
  })
  t.on('complete', () => {
    const { total, pass, fail, skip, todo } = t.counts
    console.log(`# { total: ${total}, pass: ${pass}, fail: ${fail}, skip: ${skip}, todo: ${todo} }`)
  })
  t.resume()
}

/** What is known of a failure, a difference as lines. */
function readable (diag: unknown): string[] {
  const { diff = '', at, stack = at && `${at.fileName}:${at.lineNumber}:${at.columnNumber}`, ...rest } = (diag ?? {}) as Diagnosis
  return [diff, withOriginalPlaces(stack ?? ''), inspect(rest, { depth: 4 })].map(text => text.trimEnd().replace(/^(?=.)/gm, '    '))
}
