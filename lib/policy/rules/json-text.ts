import { UnreadableDocument } from './located-document.js'
import type { DocumentPath, LocatedDocument } from './located-document.js'

/** What may come next: a sign, a text, another scalar. */
// eslint-disable-next-line no-control-regex -- which no text of JSON has
const TOKEN = /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\\0-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|$)/y
const SPACE = /^[ \t\r\n]*/
/** A document that is deeper is none of ours. */
const DEEPEST = 20

/**
 * Reads JSON as `JSON.parse` does, with two more things: where each part is, and that no name comes
 * twice in an object, of which `JSON.parse` would take the last.
 *
 * @throws {UnreadableDocument} The text is no JSON.
 */
export function readJson (text: string): LocatedDocument {
  return {
    value: new Scanner(text).document(),
    lineOf (path) {
      const lines = new Map<string, number>()
      new Scanner(text, lines).document()
      let end = path.length
      while (!lines.has(JSON.stringify(path.slice(0, end)))) end--
      return lines.get(JSON.stringify(path.slice(0, end)))!
    }
  }
}

class Scanner {
  private at = 0
  private line = 1
  private token = ''

  /** @param lines - Takes the line of each value, by its path. */
  constructor (private readonly text: string, private readonly lines: Map<string, number> | null = null) {}

  document (): unknown {
    const value = this.value([])
    if (this.next() !== '') throw this.failure()
    return value
  }

  /** The next token; empty at the end. */
  private next (): string {
    TOKEN.lastIndex = this.at
    const found = TOKEN.exec(this.text)
    const [all] = found ?? SPACE.exec(this.text.slice(this.at))!
    this.line += all.split('\n').length - 1
    if (found === null) throw this.failure()
    this.at = TOKEN.lastIndex
    this.token = found[1] ?? found[2] ?? found[3] ?? ''
    return this.token
  }

  /** @param token - The first of the value. */
  private value (path: DocumentPath, token = this.next()): unknown {
    this.lines?.set(JSON.stringify(path), this.line)
    if (path.length > DEEPEST) throw this.failure('too deep')
    if (token === '[') return this.list(path)
    if (token === '{') return this.object(path)
    if (token === '' || '}],:'.includes(token)) throw this.failure()
    return JSON.parse(token)
  }

  private list (path: DocumentPath): unknown[] {
    const list: unknown[] = []
    let token = this.next()
    if (token === ']') return list
    while (true) {
      list.push(this.value([...path, list.length], token))
      if (this.next() === ']') return list
      if (this.token !== ',') throw this.failure()
      token = this.next()
    }
  }

  private object (path: DocumentPath): object {
    const members = new Map<string, unknown>()
    let token = this.next()
    while (token !== '}') {
      if (!token.startsWith('"')) throw this.failure()
      const name = JSON.parse(token) as string
      if (members.has(name)) throw this.failure('a name comes twice')
      if (this.next() !== ':') throw this.failure()
      members.set(name, this.value([...path, name]))
      token = this.next()
      if (token === ',') {
        token = this.next()
        if (token === '}') throw this.failure()
      } else if (token !== '}') throw this.failure()
    }
    return Object.fromEntries(members) // which makes a member of `__proto__`, too
  }

  private failure (message = 'not JSON'): UnreadableDocument {
    return new UnreadableDocument(this.line, message)
  }
}
