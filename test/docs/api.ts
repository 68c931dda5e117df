import { readFileSync, readdirSync } from 'node:fs'
import ts from 'typescript'
import t from 'tap'
import { readPage } from '../fixtures/pages.js'

const FOLDER = 'docs/reference/api'

/** The names that a file exports, types among them; of `export *` those of the other file. */
function exportedNames (path: string): string[] {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  return file.statements.flatMap(statement => {
    if (ts.isExportDeclaration(statement)) {
      if (statement.exportClause === undefined) return exportedNames(`lib/${(statement.moduleSpecifier as ts.StringLiteral).text.replace(/\.js$/, '.ts')}`)
      return ts.isNamedExports(statement.exportClause) ? statement.exportClause.elements.map(({ name }) => name.text) : []
    }
    if (!ts.canHaveModifiers(statement) || !ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return []
    if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText())
    return [(statement as ts.ClassDeclaration | ts.InterfaceDeclaration).name!.text]
  })
}

t.test('the pages of the API: each exported name has a heading on one of them', async t => {
  const anchors = readdirSync(FOLDER).flatMap(file => [...readPage(`${FOLDER}/${file}`).anchors])
  const names = exportedNames('lib/index.ts')
  t.ok(names.includes('proxyAuth') && names.includes('TargetDenied') && names.includes('ReplayStore'), 'values, errors and types were read')
  for (const name of names) t.ok(anchors.includes(name.toLowerCase()), name)
})
