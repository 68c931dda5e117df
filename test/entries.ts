import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import t from 'tap'

// What is thrown in an event of a server, a session, a socket or a stream, or by a callback of node or undici, is caught by no one and ends
// the process. So each entry into our code is made by a function of lib/platform/guarded.ts; this finds any other.

/** The entries that are none, or need no guard: `file: what` and why. */
const ALLOWED: Record<string, string> = {
  'gate/refusal/four-oh-seven.ts: writeContinue =': 'does nothing',
  'gate/content/verified-content.ts: writeContinue =': 'does nothing',
  'gate/content/unread-content.ts: destroy ()': 'node catches what the implementation of a stream throws, and destroys it',
  'gate/content/unread-content.ts: read ()': 'node catches what the implementation of a stream throws, and destroys it',
  'proxy/connect/take-http2.ts: writeContinue =': 'does nothing',
  'proxy/connect/take-http2.ts: writeHead =': 'throws to its caller, as that of node',
  'proxy/connect/take-http1.ts: writeContinue ()': 'calls what the caller brings along',
  'proxy/connect/take-http1.ts: writeHead ()': 'throws to its caller, as that of node',
  'proxy/connect/take-http1.ts: writeProcessing ()': 'does nothing',
  'proxy/connect/take-http1.ts: writeEarlyHints ()': 'calls what the caller brings along',
  'proxy/connect/take-http2.ts: writeEarlyHints =': 'does nothing',
  'policy/shared-revocations.ts: subscribe': 'gets no callback',
  'proxy/exchange/drain.ts: closeAllConnections =': 'begins a wait; what comes behind that is guarded',
  'proxy/ingress/expect-continue.ts: read =': 'what it does of its own is guarded; the rest is node and the listeners of the application',
  'platform/http2/session-before-socket.ts: destroy =': 'what it does of its own is guarded; the rest is node',
  'platform/fastify.ts: hasRoute =': 'called while the application is set up',
  'proxy/reverse/handed-response.ts: _destroy ()': 'node catches what the implementation of a stream throws, and ends it',
  'proxy/reverse/handed-response.ts: _read ()': 'node catches what the implementation of a stream throws, and destroys it',
  'platform/http1/upgrade-with-content.ts: push =': 'sets a member; the rest is node and the listeners of the application',
  'platform/http1/upgrade-with-content.ts: shouldUpgradeCallback =': 'what it does of its own is guarded; the rest is node and the application',
  'proxy/reverse/reply-from.ts: code =': 'called in a handler, whose failures Fastify catches',
  'proxy/reverse/register.ts: from =': 'called in a handler, whose failures Fastify catches',
  'proxy/reverse/handed-response.ts: send =': 'called in a handler, whose failures Fastify catches',
  'platform/fastify.ts: deriveConstraints =': 'what it does of its own is guarded; the rest is Fastify and the application',
  'proxy/upstream/connection.ts: push =': 'looks at members; the rest is node',
  'proxy/upstream/connection.ts: read =': 'sets a member; the rest is node',
  'proxy/upgrade/websocket-stream.ts: writeHead =': 'throws to its caller, as that of node',
  'metrics/event-metrics.ts: on': 'the events of the gateway guard their listeners',
  'metrics/user-metrics.ts: on': 'the events of the gateway guard their listeners',
  'status/refusals.ts: on': 'the events of the gateway guard their listeners',
  'proxy/upgrade/upgrade.ts: writeHead ()': 'throws to its caller, as that of node'
}

/** What adds a listener, and may not be called at all. */
const ADDS = new Set(['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'])
/** What takes a callback, and as which of its arguments: from the end where that is negative. */
const TAKES: Record<string, number> = {
  setTimeout: 0,
  setInterval: 0,
  setImmediate: 0,
  queueMicrotask: 0,
  nextTick: 0,
  '.setTimeout': 1,
  '.addEventListener': 1,
  '.ping': -1,
  subscribe: -1,
  finished: -1,
  pipeline: -1
}
/** What may take one: a function written down there has to be guarded. */
const MAY_TAKE = new Set(['end', 'write', 'close', 'listen', 'connect', 'destroy', 'unsubscribe'])
/** What node calls on its own, where it is put in the place of node's. */
const CALLED = /^(?:emit|push|read|_\w+|destroy|write\w*|end|shouldUpgradeCallback|hasRoute|from|code|send|deriveConstraints|closeAllConnections)$/
/** The guarded ways to do so. */
const GUARDS = new Set(['on', 'once', 'prepend', 'prependOnce', 'guarded', 'guardedOr', 'intercept', 'guardMethod'])

const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts') && path !== 'platform/guarded.ts')
const used = new Set<string>()

t.not(files.length, 0)
for (const path of files) t.strictSame(unguarded(path, readFileSync(`lib/${path}`, 'utf8')), [], `lib/${path}: each entry is guarded`)
t.strictSame(Object.keys(ALLOWED).filter(entry => !used.has(entry)), [], 'an exception that is not used is none')

t.test('any way past the guard: it is found, with its line', async t => {
  const found = (source: string) => unguarded('x.ts', source).map(each => each.replace(/^lib\/x\.ts:/, ''))
  for (const name of ADDS) t.match(found(`\nsocket.${name}('close', f)`), [`2: ${name}`])
  t.match(found('import { once } from "node:events"\nonce(socket, "close")'), ['2: once is not ours'])
  for (const call of ['setTimeout(f, 1)', 'setTimeout(() => {}, 1)', 'queueMicrotask(f)', 'process.nextTick(() => {})', 'socket.setTimeout(1, f)', 'signal.addEventListener("abort", f)', 'pipeline(a, b, f)', 'subscribe("x", f)', 'session.ping(f)', 'response.end(() => {})', 'server.emit = function () {}', 'request.push = f => f']) {
    t.equal(found(`// \n\n${call}`).length, 1, call)
    t.match(found(`// \n\n${call}`)[0], /^3: /)
  }
  t.match(found('class A implements Dispatcher.DispatchHandler { onResponseError () {} }'), ['1: onResponseError'])
  t.match(found('class A extends B { override _read () {} }'), ['1: _read ()'])
  t.match(found('const c = { deriveConstraint: () => {} }'), ['1: deriveConstraint'])
})

t.test('a guarded entry, or a call without a callback: it is not found', async t => {
  const source = `import { guardMethod, guarded, guardedOr, on, once } from './platform/guarded.js'
    on(socket, 'close', () => {})
    once(socket, 'close', () => {})
    const f = guarded(() => {})
    setTimeout(f, 1)
    setTimeout(guarded(() => {}), 1)
    socket.setTimeout(0)
    await setImmediate()
    await pipeline(a, b)
    signal.addEventListener('abort', f)
    response.end(guarded(() => {}))
    const c = { deriveConstraint: guardedOr('failed', () => {}) }
    class A implements Dispatcher.DispatchHandler { static { guardMethod(this.prototype, 'onResponseError', ({ raw }) => raw) } onResponseError () {} }`
  t.strictSame(unguarded('x.ts', source.replace('await pipeline(a, b)', '')), [])
})

/** The entries of a file that are neither guarded nor allowed, each with its line. */
function unguarded (path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const ours = new Set<string>()
  const guards = new Set<string>()
  const found: string[] = []

  const note = (node: ts.Node, what: string) => {
    const entry = `${path}: ${what}`
    if (entry in ALLOWED) used.add(entry)
    else found.push(`lib/${path}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}: ${what}`)
  }
  const isGuarded = (node: ts.Node | undefined): boolean => node !== undefined && (
    (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && GUARDS.has(node.expression.text) && ours.has(node.expression.text)) ||
    (ts.isIdentifier(node) && guards.has(node.text)))

  const learn = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && join(dirname(path), (node.moduleSpecifier as ts.StringLiteral).text) === 'platform/guarded.js') {
      const { namedBindings } = node.importClause ?? {}
      if (namedBindings !== undefined && ts.isNamedImports(namedBindings)) for (const { name } of namedBindings.elements) ours.add(name.text)
    }
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && isGuarded(node.initializer)) guards.add(node.name.text)
    ts.forEachChild(node, learn)
  }
  const look = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) lookAtCall(node)
    else if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken && ts.isPropertyAccessExpression(node.left)) {
      const name = node.left.name.text
      if (CALLED.test(name) && (isFunction(node.right) || ts.isCallExpression(node.right)) && !isGuarded(node.right)) note(node, `${name} =`)
    } else if (ts.isPropertyAssignment(node) && node.name.getText(source) === 'deriveConstraint' && !isGuarded(node.initializer)) note(node, 'deriveConstraint')
    else if (ts.isMethodDeclaration(node)) lookAtMethod(node)
    ts.forEachChild(node, look)
  }
  const lookAtCall = ({ expression, arguments: given }: ts.CallExpression): void => {
    const member = ts.isPropertyAccessExpression(expression)
    if (!member && !ts.isIdentifier(expression)) return
    const name = member ? expression.name.text : expression.text
    if (member && ADDS.has(name)) return note(expression.name, name)
    if (!member && GUARDS.has(name) && !ours.has(name)) return note(expression, `${name} is not ours`)
    const at = TAKES[member && name !== 'nextTick' && name !== 'subscribe' ? `.${name}` : name]
    if (at !== undefined && given.length > Math.max(at, 0)) {
      if (!isGuarded(given.at(at))) note(expression, name)
    } else if (member && MAY_TAKE.has(name)) {
      for (const argument of given) if (isFunction(argument)) note(argument, `a callback of ${name}`)
    }
  }
  const lookAtMethod = (node: ts.MethodDeclaration): void => {
    const name = node.name.getText(source)
    const { parent } = node
    const overrides = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.OverrideKeyword) === true
    const implementsStream = ts.isObjectLiteralExpression(parent) && ts.isNewExpression(parent.parent)
    if ((overrides || implementsStream) && CALLED.test(name)) note(node, `${name} ()`)
    if (name !== 'onResponseError' || !ts.isClassDeclaration(parent)) return
    const [first] = parent.members
    if (first === undefined || !ts.isClassStaticBlockDeclaration(first) || !first.getText(source).includes("guardMethod(this.prototype, 'onResponseError'")) note(node, name)
  }
  learn(source)
  look(source)
  return found
}

function isFunction (node: ts.Node): boolean {
  return ts.isArrowFunction(node) || ts.isFunctionExpression(node)
}
