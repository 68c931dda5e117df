import ts from 'typescript'

// The pure half of `npm run requirements`: texts in, findings out. scripts/requirements.ts reads the files and prints.

const ID = /\bR-[A-Z0-9]+-\d+\b/g

/** One rule of docs/internals/requirements.md. */
export interface Requirement { id: string, section: string }

/** The two tables of docs/internals/requirements-open.md, as ids. */
export interface OpenPage { open: string[], otherwise: string[] }

/** What is wrong, and how each section stands. No finding: traceability holds. */
export interface Trace { findings: string[], sections: Standing[] }

/** How one section stands. `otherwise` counts the rules decided otherwise, with or without a test. */
export interface Standing { section: string, proven: number, open: number, otherwise: number }

/** Reads the rules: list items that begin with an id in bold, under the `##` heading they stand in. */
export function readRequirements (markdown: string): Requirement[] {
  let section = ''
  const found: Requirement[] = []
  for (const line of markdown.split('\n')) {
    if (line.startsWith('## ')) section = line.slice(3)
    const id = /^- \*\*(R-[A-Z0-9]+-\d+)\*\*/.exec(line)?.[1]
    if (id !== undefined) found.push({ id, section })
  }
  return found
}

/** Reads the table rows under `## Open` and `## Decided otherwise`: the id is the first cell. */
export function readOpenPage (markdown: string): OpenPage {
  const page: OpenPage = { open: [], otherwise: [] }
  let rows: string[] = []
  for (const line of markdown.split('\n')) {
    if (line.startsWith('## ')) rows = line === '## Open' ? page.open : line === '## Decided otherwise' ? page.otherwise : []
    const id = rowId(line)
    if (id !== undefined) rows.push(id)
  }
  return page
}

/** The page without the rows under `## Open` whose id is in `proven`, and without the `###` parts that this empties. */
export function withoutStaleRows (markdown: string, proven: ReadonlySet<string>): string {
  let open = false
  return markdown.split(/^(?=##+ )/m).filter((part) => part !== '').map((part) => {
    if (part.startsWith('## ')) open = part.startsWith('## Open\n')
    if (!open) return part
    const kept = part.split('\n').filter((line) => !proven.has(rowId(line) ?? ''))
    const emptied = part.startsWith('### ') && !kept.some((line) => rowId(line) !== undefined)
    return emptied ? '' : kept.join('\n')
  }).join('')
}

function rowId (line: string): string | undefined {
  return /^\| (R-[A-Z0-9]+-\d+) \|/.exec(line)?.[1]
}

/**
 * Reads the ids in the names of the tests of one file: the first argument of every `test(…)` or `x.test(…)` that has a
 * body and is not skipped for good. Only the name counts: an id in a comment or an assertion proves nothing. A name that
 * comes from a table (`t.test(row.name, …)`) is looked up in that file's own `name: '…'`.
 */
export function readProvenIds (source: string): string[] {
  const names: string[] = []
  const keys = new Set<string>()
  const file = ts.createSourceFile('test.ts', source, ts.ScriptTarget.Latest)
  walk(file, (node) => { if (isTest(node)) collect(node.arguments[0], names, keys) })
  walk(file, (node) => {
    if (ts.isPropertyAssignment(node) && ts.isIdentifier(node.name) && keys.has(node.name.text)) collect(node.initializer, names, new Set())
  })
  return [...new Set(names.flatMap((name) => name.match(ID) ?? []))]
}

function walk (node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

function isTest (node: ts.Node): node is ts.CallExpression {
  if (!ts.isCallExpression(node)) return false
  const callee = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression
  if (!ts.isIdentifier(callee) || callee.text !== 'test') return false
  return node.arguments.slice(1).some((argument) => !ts.isObjectLiteralExpression(argument)) &&
    !node.arguments.some((argument) => ts.isObjectLiteralExpression(argument) && argument.properties.some(isFixedSkip))
}

/** `skip: true`, `skip: 'why'` and `todo: …` hold on every machine; `skip: peer.skip` depends on the machine. */
function isFixedSkip (property: ts.ObjectLiteralElementLike): boolean {
  return ts.isPropertyAssignment(property) && ts.isIdentifier(property.name) && /^(skip|todo)$/.test(property.name.text) &&
    (ts.isStringLiteralLike(property.initializer) || property.initializer.kind === ts.SyntaxKind.TrueKeyword)
}

/** Puts the literal text of an expression into `texts`, and the last word of everything that is not literal into `keys`. */
function collect (node: ts.Node | undefined, texts: string[], keys: Set<string>): void {
  if (node === undefined) return
  if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) texts.push(node.text)
  else if (ts.isPropertyAccessExpression(node)) keys.add(node.name.text)
  else if (ts.isIdentifier(node)) keys.add(node.text)
  else ts.forEachChild(node, (child) => collect(child, texts, keys))
}

/** Compares rules, tests and the page of open ids. `proven` maps an id to the test files that carry it. */
export function trace (requirements: Requirement[], page: OpenPage, proven: ReadonlyMap<string, string[]>): Trace {
  const known = new Set(requirements.map(({ id }) => id))
  const open = new Set(page.open)
  const otherwise = new Set(page.otherwise)
  const listed = [...page.open, ...page.otherwise]
  const findings = [
    ...requirements.filter(({ id }, at) => requirements.findIndex((other) => other.id === id) !== at)
      .map(({ id }) => `${id} occurs twice in docs/internals/requirements.md`),
    ...requirements.filter(({ id }) => !proven.has(id) && !open.has(id) && !otherwise.has(id))
      .map(({ id }) => `${id} has neither a test nor a line in docs/internals/requirements-open.md`),
    ...[...proven].filter(([id]) => !known.has(id))
      .map(([id, files]) => `${id} is unknown; it is in the name of a test of ${files.join(', ')}`),
    ...listed.filter((id) => !known.has(id)).map((id) => `${id} is unknown; docs/internals/requirements-open.md lists it`),
    ...listed.filter((id, at) => listed.indexOf(id) !== at).map((id) => `${id} has two lines in docs/internals/requirements-open.md`),
    ...page.open.filter((id) => proven.has(id))
      .map((id) => `${id} is proven in ${proven.get(id)?.join(', ')}; its line in docs/internals/requirements-open.md is stale (--fix removes it)`)
  ]
  const sections = new Map<string, Standing>()
  for (const { id, section } of requirements) {
    const standing = sections.get(section) ?? { section, proven: 0, open: 0, otherwise: 0 }
    sections.set(section, standing)
    standing[otherwise.has(id) ? 'otherwise' : proven.has(id) ? 'proven' : 'open']++
  }
  return { findings, sections: [...sections.values()] }
}
