// The last step of `npm run check:package`: what the package would hold, and that both kinds of modules load it.
// Plain JavaScript, because tsx would take `fastify-proxy-auth` for lib/index.ts; node takes it for what `exports` names.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { posix } from 'node:path'
import Fastify from 'fastify'

const [{ files, size, unpackedSize }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }))
const paths = files.map(({ path }) => path)
const PUBLISHED = [
  /^dist\/.+\.(?:js|d\.ts|d\.ts\.map)$/, // compiled code, types, and where in lib they are
  /^lib\/.+\.ts$/, // where an editor goes to for a definition
  /^docs\/(?!internals\/|\.)[\w/-]+\.(?:md|svg|png)$/,
  /^docs\/reference\/(?:decision-log\.schema|grafana-dashboard)\.json$/,
  /^examples\/(?:[\w.-]+\.(?:mjs|md)|policies\/[\w.-]+\.yaml)$/,
  /^(?:README|CHANGELOG|SECURITY)\.md$/,
  /^(?:LICENSE|package\.json)$/
]
assert.deepEqual(paths.filter((path) => !PUBLISHED.some((kind) => kind.test(path))), [], 'the package holds nothing else')
assert.deepEqual(PUBLISHED.filter((kind) => !paths.some((path) => kind.test(path))).map(String), [], 'and something of each kind')
for (const path of ['README.md', 'CHANGELOG.md', 'LICENSE', 'SECURITY.md', 'docs/index.md', 'docs/reference/options.md', 'docs/reference/errors.md']) {
  assert.ok(paths.includes(path), `${path} is published`)
}
for (const path of paths.filter((each) => each.endsWith('.d.ts.map'))) {
  const { sources } = JSON.parse(readFileSync(path, 'utf8'))
  for (const source of sources) assert.ok(paths.includes(posix.join(posix.dirname(path), source)), `${path} leads to a file that is published`)
}

const imported = await import('fastify-proxy-auth')
const required = createRequire(import.meta.url)('fastify-proxy-auth')
assert.equal(required.default, imported.default, 'require() gives the namespace that import gives')
assert.equal(createRequire(import.meta.url)('fastify-proxy-auth/decision-log.schema.json').type, 'object', 'the schema of the log is found by its name')
assert.equal(createRequire(import.meta.url)('fastify-proxy-auth/grafana-dashboard.json').title, 'fastify-proxy-auth', 'so is the dashboard')

const verify = ({ username }) => ({ username })
for (const plugin of [imported.default, required, import('fastify-proxy-auth')]) {
  const app = Fastify()
  await app.register(plugin, { realm: 'Lab', strategies: [new imported.BasicStrategy({ verify })] })
  app.get('/', { onRequest: imported.proxyAuthenticate }, async ({ proxyAuth }) => proxyAuth.name)
  const authorization = `Basic ${Buffer.from('alice:secret').toString('base64')}`
  assert.equal((await app.inject('/')).statusCode, 407)
  assert.equal((await app.inject({ url: '/', headers: { 'proxy-authorization': authorization } })).body, 'alice')
  await app.close()
}
const kib = (octets) => `${Math.round(octets / 1024)} KiB`
console.log(`${files.length} files, ${kib(size)} packed, ${kib(unpackedSize)} unpacked, loaded by import and by require()`)
