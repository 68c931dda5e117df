import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import t from 'tap'

// Imports point down. A layer is a folder of lib, a folder of one of those, or a file right in lib. To change this table is to
// change the architecture.
const MAY_IMPORT: Record<string, string[]> = {
  errors: ['retry-after'],
  'retry-after': ['types'],
  nearest: [],
  'check-option': ['errors', 'nearest', 'types'], // how options are checked, wherever they are
  eventual: [],
  types: [], // so that any layer may use its words: Milliseconds, ProxyIdentity
  fields: ['errors'],
  schemes: ['errors', 'fields'],
  // What node and the libraries below need to be told, and the workarounds for them.
  platform: ['errors', 'fields'],
  'platform/http1': ['types', 'platform'],
  'platform/http2': ['types', 'platform'],
  events: ['types', 'platform'],
  'concurrency-limit': ['errors', 'eventual', 'types', 'platform'],
  'load-package': ['errors'],
  deadline: ['eventual', 'types', 'platform'],
  'watched-file': ['errors', 'check-option', 'types', 'platform'],
  store: ['errors', 'eventual', 'check-option', 'types', 'deadline'],
  strategies: ['errors', 'eventual', 'check-option', 'load-package', 'types', 'fields', 'platform', 'schemes', 'store'],
  users: ['errors', 'eventual', 'check-option', 'schemes', 'store', 'concurrency-limit', 'watched-file'], // where the accounts are that strategies look up
  passport: ['errors', 'eventual', 'check-option', 'types', 'fields', 'platform', 'schemes', 'store', 'concurrency-limit', 'strategies'],
  policy: ['errors', 'eventual', 'load-package', 'retry-after', 'check-option', 'types', 'deadline', 'fields', 'platform', 'schemes', 'store', 'nearest', 'watched-file'],
  // Never proxy: the two know nothing of each other.
  gate: [
    'errors', 'eventual', 'check-option', 'types', 'events', 'fields', 'schemes', 'platform', 'platform/http1', 'platform/http2', 'store', 'passport',
    'policy'
  ],
  // The floors of proxy, from the lowest. Never gate.
  'proxy/exchange': ['errors', 'store', 'eventual', 'types', 'events', 'fields', 'platform', 'platform/http1', 'platform/http2', 'policy'],
  'proxy/message': ['errors', 'check-option', 'types', 'fields', 'platform', 'platform/http1', 'policy', 'proxy/exchange'],
  'proxy/upstream': ['errors', 'check-option', 'types', 'fields', 'platform', 'policy', 'proxy/message'],
  // To the target by way of another proxy, and the credentials for that.
  'proxy/parent/login': ['errors', 'eventual', 'load-package', 'types', 'deadline', 'fields', 'schemes', 'concurrency-limit', 'store', 'policy'],
  'proxy/parent': ['errors', 'eventual', 'types', 'fields', 'platform', 'policy', 'proxy/upstream', 'proxy/parent/login'],
  'proxy/parent/connect': ['errors', 'eventual', 'load-package', 'types', 'fields', 'platform', 'policy', 'proxy/upstream', 'proxy/parent', 'proxy/parent/login'],
  'proxy/parent/absolute': ['errors', 'eventual', 'types', 'fields', 'platform', 'policy', 'store', 'proxy/message', 'proxy/upstream', 'proxy/parent', 'proxy/parent/login'],
  'proxy/ingress': ['errors', 'fields', 'platform', 'platform/http1', 'policy', 'store', 'proxy/exchange'],
  'proxy/upgrade': [
    'errors', 'types', 'fields', 'platform', 'platform/http1', 'platform/http2', 'policy', 'proxy/exchange', 'proxy/message',
    'proxy/ingress'
  ],
  'proxy/relay': [
    'errors', 'eventual', 'types', 'fields', 'platform', 'platform/http1', 'policy', 'proxy/exchange', 'proxy/message', 'proxy/upstream', 'proxy/upgrade'
  ],
  'proxy/connect': [
    'errors', 'types', 'eventual', 'fields', 'platform', 'platform/http1', 'policy', 'proxy/exchange', 'proxy/message', 'proxy/upstream', 'proxy/parent/connect', 'proxy/ingress',
    'proxy/upgrade'
  ],
  'proxy/forward': [
    'errors', 'eventual', 'check-option', 'types', 'fields', 'platform', 'platform/http1', 'policy', 'proxy/exchange',
    'proxy/message', 'proxy/upstream', 'proxy/ingress', 'proxy/upgrade', 'proxy/relay', 'proxy/connect', 'proxy/parent', 'proxy/parent/connect', 'proxy/parent/absolute'
  ],
  'proxy/reverse': [
    'errors', 'eventual', 'types', 'fields', 'platform', 'platform/http1', 'policy', 'store', 'proxy/exchange', 'proxy/message', 'proxy/upstream', 'proxy/parent',
    'proxy/parent/connect', 'proxy/ingress', 'proxy/upgrade', 'proxy/relay'
  ],
  // What operators see of it all.
  status: ['errors', 'check-option', 'types', 'fields', 'events', 'platform', 'platform/http1', 'policy', 'proxy/exchange'],
  // What may be said to the plugin, in types, and what it makes of that.
  options: [
    'errors', 'check-option', 'types', 'fields', 'store', 'passport', 'policy', 'gate', 'proxy/message', 'proxy/upstream', 'proxy/connect', 'proxy/forward',
    'proxy/reverse', 'status'
  ],
  // What puts it all together.
  'proxy-authenticate': ['errors', 'types'],
  registration: [
    'errors', 'events', 'types', 'deadline', 'platform', 'options', 'fields', 'schemes', 'store', 'strategies', 'passport', 'policy', 'gate', 'proxy/exchange', 'proxy/ingress',
    'proxy/forward'
  ],
  // Spans of what is proxied.
  tracing: ['errors', 'load-package', 'platform', 'options', 'proxy/exchange'],
  // What reads all of it.
  metrics: ['errors', 'check-option', 'load-package', 'events', 'strategies', 'passport', 'policy', 'proxy/exchange', 'registration'],
  index: [
    'errors', 'eventual', 'options', 'types', 'events', 'fields', 'schemes', 'store', 'strategies', 'users', 'passport', 'platform',
    'platform/http1', 'platform/http2', 'policy', 'gate', 'proxy/exchange', 'proxy/message', 'proxy/connect', 'proxy/forward', 'proxy/reverse',
    'registration', 'metrics', 'proxy-authenticate', 'status', 'tracing'
  ]
}
const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>
const packages = new Set(Object.keys({ ...dependencies, ...peerDependencies }))
const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
/** The folder itself where the table has it, else the one around it. */
const layerOf = (path: string): string => {
  const folder = dirname(path)
  if (folder === '.') return path.replace(/\.[jt]s$/, '')
  return folder in MAY_IMPORT ? folder : folder.split('/')[0]!
}

/** The files of lib that each imports. */
const imports = new Map<string, string[]>(files.map(path => [path, []]))
/** `layer imported`, of each import there is. */
const used = new Set<string>()

t.not(files.length, 0)
for (const path of files) {
  t.test(`lib/${path}`, async t => {
    const source = readFileSync(join('lib', path), 'utf8')
    const layer = layerOf(path)
    t.hasOwnProp(MAY_IMPORT, layer, 'is in a layer that the table knows')
    for (const { fileName } of ts.preProcessFile(source).importedFiles) {
      if (fileName.startsWith('node:')) continue
      // The bare name of a declared package: `fastify/lib/…` is not ours to use, and an undeclared one is missing elsewhere.
      if (!fileName.startsWith('.')) t.ok(packages.has(fileName), `imports ${fileName}, which package.json declares`)
      else {
        const imported = join(dirname(path), fileName)
        const target = layerOf(imported)
        t.ok(existsSync(join('lib', imported.replace(/\.js$/, '.ts'))), `${fileName} is in lib`)
        imports.get(path)!.push(imported.replace(/\.js$/, '.ts'))
        used.add(`${layer} ${target}`)
        t.ok(target === layer || MAY_IMPORT[layer]?.includes(target), `${layer} may import ${target} (${fileName})`)
      }
    }
    if (runs(source)) t.ok(existsSync(join('test', path)), `has its test, test/${path}`)
  })
}

t.test('the imports between files: none imports itself by way of others', async t => {
  const circles: string[][] = []
  const done = new Set<string>()
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path])
    else if (!done.has(path)) {
      for (const imported of imports.get(path) ?? []) visit(imported, [...way, path])
      done.add(path)
    }
  }
  for (const path of files) visit(path, [])
  t.strictSame(circles, [])
})

t.test('each permission to import: is used (F-48)', async t => {
  for (const [layer, allowed] of Object.entries(MAY_IMPORT)) {
    t.same(allowed.filter((imported) => !used.has(`${layer} ${imported}`)), [], layer)
  }
})

t.test('the pages for contributors: name files that are there', async t => {
  for (const page of ['CONTRIBUTING.md', 'docs/internals/architecture.md']) {
    const text = readFileSync(page, 'utf8')
    const named = [...text.matchAll(/`((?:[\w-]+\/)+(?:[\w-]+\.(?:ts|md))?)`/g)].map(([, path]) => path!)
    t.not(named.length, 0)
    t.strictSame(named.filter(path => !['.', 'lib'].some(from => existsSync(join(from, path)))), [], page)
  }
})

/** False for a file of types and re-exports: there is nothing in it to test. */
function runs (source: string): boolean {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, removeComments: true }
  })
  return /\S/.test(outputText.replace(/^export (\{[^}]*\}|\*( as \w+)?)( from '[^']*')?;$/gm, ''))
}

t.test('the name of a type: has one meaning in all of lib', async t => {
  const places = new Map<string, string[]>()
  for (const path of files) {
    for (const [, name] of readFileSync(`lib/${path}`, 'utf8').matchAll(/^(?:export )?(?:abstract )?(?:interface|type|class) (\w+)/gm)) {
      places.set(name!, [...places.get(name!) ?? [], path])
    }
  }
  t.strictSame([...places].filter(([, paths]) => paths.length > 1), [])
})

t.test('a line of lib: names what it speaks of', async t => {
  for (const path of files) {
    readFileSync(`lib/${path}`, 'utf8').split('\n').forEach((line, index) => {
      if (/\b(?:somebody|nobody|whoever|everybody|anybody|he|him|his)\b|that one's/i.test(line)) t.fail(`lib/${path}:${index + 1}: ${line}`)
    })
  }
})

t.test('a test: its title says the condition and the outcome', async t => {
  const tests = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  const titles = tests.flatMap(path => [...readFileSync(`test/${path}`, 'utf8').matchAll(/^t\.test\((['"`])((?:\\.|(?!\1).)*)\1, /gm)].map(([, , title]) => `${path}: ${title}`))
  t.ok(titles.length > 2000)
  for (const title of titles) if (!/^\S+: .+: /.test(title)) t.fail(title)
})
