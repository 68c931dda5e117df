// The last step of `npm run check:package`: what the package would hold, and that both kinds of modules load it.
// Plain JavaScript, because tsx would take `fastify-proxy-auth` for lib/index.ts; node takes it for what `exports` names.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import Fastify from 'fastify'

const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }))
const foreign = files.map(({ path }) => path)
  .filter(path => !/^(dist\/.+\.js|dist\/.+\.d\.ts|package\.json|README\.md|LICENSE)$/.test(path))
assert.deepEqual(foreign, [], 'the package holds compiled code and types only')

const imported = await import('fastify-proxy-auth')
const required = createRequire(import.meta.url)('fastify-proxy-auth')
assert.equal(required.default, imported.default, 'require() gives the namespace that import gives')

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
console.log(`${files.length} files, loaded by import and by require()`)
