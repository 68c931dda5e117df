import { readFileSync, readdirSync } from 'node:fs'
import ts from 'typescript'
import t from 'tap'

// docs/internals/quirks.md is the table of all workarounds for node, undici, Fastify and its plugins. What they work around has an id, and
// a line `@quirk` with it in the comment of what does so.

/** Files of lib/platform that work nothing around. */
const FREE_OF_QUIRKS: Readonly<Record<string, string>> = {
  'platform/as-error.ts': 'anything may be thrown',
  'platform/connection.ts': 'whose connection it is, by the RFCs: it is here for all floors above',
  'platform/hook.ts': 'Fastify documents it',
  'platform/request-id.ts': 'Fastify documents it: it is here for all floors above',
  'platform/http1/lingering-close.ts': 'TCP is like that, and RFC 9112, 9.6 says what to do about it',
  'platform/http1/refusal-cause.ts': 'what refuses tells what writes the status line: they are of different floors'
}
const LIBRARY = /^(?:v8|node|undici|fastify|find-my-way|session|http-proxy|reply-from|socks|rate-limiter)-[a-z\d-]+$/

/** `id at place`, a place being `file: name` with the class in front of the name of a member. */
const marks: string[] = []
/** How often the word is in a file, and how often of these as a tag of something that has a name. */
const written = new Map<string, [words: number, tags: number]>()
for (const path of readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))) {
  const text = readFileSync(`lib/${path}`, 'utf8')
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  let tags = 0
  const look = (node: ts.Node): void => {
    for (const comment of ts.getJSDocCommentsAndTags(node)) {
      if (!ts.isJSDoc(comment) || comment.parent !== node) continue
      for (const { tagName, comment: id } of comment.tags ?? []) {
        if (tagName.text !== 'quirk') continue
        tags += 1
        marks.push(`${ts.getTextOfJSDocComment(id)?.trim()} at ${path}: ${nameOf(node)}`)
      }
    }
    ts.forEachChild(node, look)
  }
  look(source)
  written.set(path, [text.match(/@quirk/g)?.length ?? 0, tags])
}

const rows = readFileSync('docs/internals/quirks.md', 'utf8').split('\n')
  .filter(line => line.startsWith('| ') && !line.startsWith('| Id |') && !line.startsWith('| ---'))
  .map(line => {
    const [id = '', what = '', places = '', until = '', upstream = '', end = '', ...more] = line.slice(2, -2).split(' | ')
    return { id: id.replaceAll('`', ''), what, places: Array.from(places.matchAll(/`([^`]+)`/g), ([, place]) => place!), until, upstream, end, more }
  })

t.test('each @quirk in lib: is a tag of a function, class, member or constant', async t => {
  t.ok(marks.length > 80)
  for (const [path, [words, tags]] of written) t.equal(tags, words, path)
  t.strictSame(marks.filter(mark => mark.endsWith(': undefined')), [])
})

t.test('the places that the table names and those that have the id: are the same', async t => {
  const named = rows.flatMap(({ id, places }) => places.map(place => `${id} at ${place}`))
  t.strictSame(marks.filter(mark => !named.includes(mark)), [], 'each has its row')
  t.strictSame(named.filter(place => !marks.includes(place)), [], 'each row has its places')
  t.equal(new Set(named).size, named.length, 'each once')
})

t.test('each row: has an id of its own, all its cells, and a place', async t => {
  t.ok(rows.length > 60)
  t.equal(new Set(rows.map(({ id }) => id)).size, rows.length)
  for (const { id, what, places, until, upstream, end, more } of rows) {
    t.match(id, LIBRARY)
    t.strictSame([what, until, upstream, end].filter(cell => cell.trim() === ''), [], id)
    t.ok(places.length > 0, id)
    t.strictSame(more, [], id)
  }
})

t.test('each row: links an issue or pull request, or says which words have found none', async t => {
  for (const { id, upstream } of rows) {
    if (upstream.startsWith('none found')) {
      t.match(upstream, /^none found: «[^»]{10,}»$/, id)
      continue
    }
    const links = Array.from(upstream.matchAll(/\[([^\]]+)\]\(https:\/\/github\.com\/([\w.-]+\/[\w.-]+)\/(?:issues|pull)\/(\d+)\)/g))
    t.ok(links.length > 0, id)
    for (const [, text, repository, number] of links) t.ok(`${repository}#${number}`.endsWith(text!) && text!.includes('#'), `${id}: ${text}`)
  }
})

t.test('each file of lib/platform: has an id, or is listed here as one that needs none', async t => {
  const files = readdirSync('lib/platform', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts')).map(path => `platform/${path}`)
  t.ok(files.length > 25)
  for (const file of files) t.equal(marks.some(mark => mark.includes(` at ${file}: `)), FREE_OF_QUIRKS[file] === undefined, file)
  t.strictSame(Object.keys(FREE_OF_QUIRKS).filter(file => !files.includes(file)), [])
})

/** The name of what a comment is on, `undefined` for what has none. */
function nameOf (node: ts.Node): string | undefined {
  const named = ts.isVariableStatement(node) ? node.declarationList.declarations[0]! : node as ts.NamedDeclaration
  const name = named.name?.getText()
  return ts.isClassElement(node) && ts.isClassLike(node.parent) ? `${node.parent.name?.text}.${name}` : name
}
