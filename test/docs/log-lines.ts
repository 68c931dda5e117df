import { readFileSync, readdirSync } from 'node:fs'
import ts from 'typescript'
import t from 'tap'

const page = readFileSync('docs/reference/log-lines.md', 'utf8')

/** The messages that a file logs, each as the texts between what is filled in. */
function messagesIn (path: string): string[][] {
  const source = readFileSync(path, 'utf8')
  if (!/\blog(?:\??\.|\[|Of\()/.test(source)) return []
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)
  const found: string[][] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /\blog(?:Of\(\w+\))?(?:\??\.(?:info|warn|error|debug)|\[level\])$/.test(node.expression.getText())) {
      const message = node.arguments.at(-1)!
      if (ts.isStringLiteralLike(message)) found.push([message.text])
      else if (ts.isTemplateExpression(message)) found.push([message.head.text, ...message.templateSpans.map(({ literal }) => literal.text)])
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

t.test('each message that the code logs: the page of log lines has it', async t => {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  const messages = files.flatMap(path => messagesIn(`lib/${path}`))
  t.ok(messages.length >= 15, `${messages.length} were found`)
  for (const texts of messages) t.ok(texts.every(text => page.includes(text)), texts.join('…'))
})
