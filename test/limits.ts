import { readFileSync, readdirSync } from 'node:fs'
import ts from 'typescript'
import t from 'tap'

// docs/internals/limits.md says of everything that fills or waits where its end is. What of it is in the code is found here: rooms that
// are filled as time goes by, and timers.
const text = readFileSync('docs/internals/limits.md', 'utf8')

/** What has a limit of its own making, and how it is made. */
const ROOMS = /^(?:Map|Set|WeakMap|WeakSet|Recent|SharedRoom|Shares|KnownUsers|ConcurrencyLimit)$/
const TIMERS = /^(?:setTimeout|setInterval)$/
/** What ends with the call that has made it: `file: name`. */
const OF_A_CALL = new Set([
  'fields/accept.ts: ranges', 'fields/auth-param.ts: seen', 'fields/hop-by-hop.ts: options', 'fields/hop-by-hop.ts: named', 'fields/hop-by-hop.ts: NONE',
  'registration/gates.ts: known', 'registration/gates.ts: schemes', 'registration/reload-accounts.ts: caches', 'passport/chain.ts: names', 'passport/chain-challenges.ts: asking', 'policy/attempts/attempts.ts: guesses', 'policy/target/lookup.ts: found', 'policy/parent/environment.ts: byUrl', 'policy/parent/environment.ts: names', 'policy/parent/read-parents.ts: names',
  'policy/rules/json-text.ts: lines', 'policy/rules/json-text.ts: members', 'policy/rules/path.ts: places', 'policy/rules/read-document.ts: names', 'policy/rules/read-document.ts: zones', 'policy/rules/rule-index.ts: buckets',
  'policy/rules/warnings.ts: byKey', 'proxy/message/response-head.ts: lines', 'fields/merge-into-raw.ts: seen', 'platform/fastify.ts: bodywith', 'schemes/aws4/credentials.ts: parts',
  'schemes/negotiate/keytab.ts: principals', 'schemes/ntlm/av-pairs.ts: pairs', 'status/parents.ts: rows', 'store/shared-room.ts: keys', 'users/htpasswd.ts: counts', 'registration/warnings.ts: told'
])

const places = new Set(Array.from(text.matchAll(/`([\w/-]+\.ts(?:: \w+)?)`/g), ([, place]) => place!))
const used = new Set<string>()
const rooms: string[] = []
const timers = new Set<string>()
for (const path of readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))) {
  const source = ts.createSourceFile(path, readFileSync(`lib/${path}`, 'utf8'), ts.ScriptTarget.Latest, true)
  const look = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && ROOMS.test(node.expression.getText(source)) && !isConstant(node, source)) rooms.push(`${path}: ${nameOf(node, source)}`)
    if (ts.isCallExpression(node)) {
      const { expression } = node
      const name = ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText(source)
      if (TIMERS.test(name)) timers.add(path)
    }
    ts.forEachChild(node, look)
  }
  look(source)
}

t.test('each room that is filled as time goes by: is in the tables, or ends with its call', async t => {
  t.ok(rooms.length > 50)
  for (const room of rooms) {
    used.add(room)
    t.ok(places.has(room) !== OF_A_CALL.has(room), room)
  }
})

t.test('each file with a timer: is in the tables', async t => {
  t.ok(timers.size > 10)
  for (const path of timers) t.ok([...places].some(place => place.startsWith(path)), path)
})

t.test('a place that the tables name: it exists', async t => {
  t.strictSame([...places, ...OF_A_CALL].filter(place => place.includes(': ') && !used.has(place) && place !== 'proxy/exchange/exchanges.ts: live'), [])
  for (const place of places) t.doesNotThrow(() => readFileSync(`${place.startsWith('test/') ? '' : 'lib/'}${place.split(':')[0]}`), place)
})

t.test('each row of the tables: names a test that there is', async t => {
  let rows = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith('| ') || line.startsWith('| What') || line.startsWith('| ---')) continue
    rows += 1
    const [, path, title] = /`(test\/[\w./-]+\.ts)`: \*(.+)\* \|$/.exec(line) ?? []
    t.ok(path, line.slice(0, 60))
    if (path !== undefined) t.ok(titlesOf(path).some(each => each.includes(title!)), `${path}: ${title}`)
  }
  t.ok(rows > 40)
})

/** Filled where it is made, and not in itself a room: that has its limit as an argument. */
function isConstant ({ expression, arguments: given }: ts.NewExpression, source: ts.SourceFile): boolean {
  return /Map|Set/.test(expression.getText(source)) && (given?.length ?? 0) > 0
}

/** The variable or member that it is kept in. */
function nameOf (node: ts.Node, source: ts.SourceFile): string {
  for (let at = node.parent; ; at = at.parent) {
    if (ts.isVariableDeclaration(at) || ts.isPropertyDeclaration(at) || ts.isPropertyAssignment(at)) {
      if (/^\w+$/.test(at.name.getText(source)) && !/^\d/.test(at.name.getText(source))) return at.name.getText(source)
    }
    if (ts.isBinaryExpression(at) && at.operatorToken.getText(source).endsWith('=')) return at.left.getText(source).replace('this.', '')
  }
}

/** The titles of the tests in a file, as they are written there. */
function titlesOf (path: string): string[] {
  return Array.from(readFileSync(path, 'utf8').matchAll(/\.test\((?:'((?:[^'\\]|\\.)*)'|`([^`]*)`)/g), ([, plain, made]) => (plain ?? made)!.replaceAll("\\'", "'"))
}
