import { readFileSync, readdirSync } from 'node:fs'
import ts from 'typescript'
import t from 'tap'
import { decisionLog, faultOf } from '../fixtures/decision-line.js'

const page = readFileSync('docs/reference/log-lines.md', 'utf8')

/** The messages that a file logs, each as the texts between what is filled in. */
function messagesIn (path: string): string[][] {
  const source = readFileSync(path, 'utf8')
  if (!/\blog(?:\??\.|\[|Of\()/.test(source)) return []
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)
  const found: string[][] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /\blog(?:Of\(\w+\))?(?:\??\.(?:info|warn|error|debug)|\[level\])$/.test(node.expression.getText())) {
      const given = node.arguments.at(-1)!
      for (const message of ts.isConditionalExpression(given) ? [given.whenTrue, given.whenFalse] : [given]) {
        if (ts.isStringLiteralLike(message)) found.push([message.text])
        else if (ts.isTemplateExpression(message)) found.push([message.head.text, ...message.templateSpans.map(({ literal }) => literal.text)])
      }
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

t.test('the lines about requests on the page and in the schema: they are as the schema says', async t => {
  const shown = [...page.matchAll(/^\{.*\}$/gm)].map(([line]) => JSON.parse(line))
  const lines = [...shown, ...decisionLog.examples].filter(line => 'proxy' in line || 'refusal' in line)
  for (const msg of ['proxied', 'denied', 'refused']) t.ok(lines.filter(line => line.msg === msg).length >= 2, msg)
  for (const line of lines) t.equal(faultOf(line), null)
})

t.test('the lines in the guide: they are as the schema says', async t => {
  const guide = readFileSync('docs/guide/operations.md', 'utf8')
  const shown = [...guide.matchAll(/^\{.*\}$/gm)].map(([line]) => JSON.parse(line))
  t.equal(shown.length, 3)
  for (const line of shown) t.equal(faultOf(line), null)
})

t.test('the tables of the page: they have what the schema says of each member', async t => {
  for (const name of ['proxy', 'refusal']) {
    const rows = [...page.matchAll(new RegExp(`^\\| \`${name}\\.(\\w+)\` \\| (.+) \\|$`, 'gm'))].map(([, member, text]) => [member, text!.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1')])
    const described = Object.entries(decisionLog.definitions[name].properties as Record<string, { description: string }>).map(([member, { description }]) => [member, description])
    t.strictSame(rows, described)
  }
})

t.test('a line that is not as the schema says: it is found out', async t => {
  const [line] = decisionLog.examples
  t.equal(faultOf({ time: 1, proxyAuth: {} }), null, 'about something else')
  for (const proxy of [{ ...line.proxy, url: '/x' }, { ...line.proxy, bytesIn: -1 }, { ...line.proxy, form: 'ftp' }, { ...line.proxy, user: undefined }, { ...line.proxy, rule: 'r' }]) {
    t.match(faultOf({ ...line, proxy }), /proxy/)
  }
  t.match(faultOf({ ...line, msg: 'denied' }), /denial/)
  t.match(faultOf({ refusal: {}, msg: 'refused' }), /refusal/)
})
