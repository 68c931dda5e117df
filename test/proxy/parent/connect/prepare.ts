import Fastify from 'fastify'
import t from 'tap'
import { readParents } from '../../../../lib/policy/parent/read-parents.js'
import { prepareParents } from '../../../../lib/proxy/parent/connect/prepare.js'

/** What is loaded at the boot for these parents. */
async function loadedFor (given: unknown): Promise<string[]> {
  const loaded: string[] = []
  const load = async (name: string) => { loaded.push(name); return undefined as never }
  const app = Fastify()
  prepareParents(app, readParents(given as never, 'forward.parents'), { socks: () => load('socks'), kerberos: () => load('kerberos') })
  t.strictSame(loaded, [])
  await app.ready()
  await app.close()
  return loaded
}

t.test('parents that need a package: it is loaded at the boot', async t => {
  t.strictSame(await loadedFor([{ url: 'socks5://a.test' }]), ['socks'])
  t.strictSame(await loadedFor([{ url: 'http://a.test', credentials: { scheme: 'Negotiate' } }]), ['kerberos'])
})

t.test('parents that need none, or may be given later: none is loaded', async t => {
  t.strictSame(await loadedFor([{ url: 'http://u:p@a.test' }, { url: 'http://b.test', credentials: { scheme: 'Basic', username: 'u', password: 'p' } }, { url: 'https://c.test' }, 'direct']), [])
  t.strictSame(await loadedFor(() => 'direct'), [])
})

t.test('a package that is missing: the boot fails with its name', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const missing = Object.assign(new Error('npm install socks'), { code: 'FST_PROXY_AUTH_MISSING_PACKAGE' })
  prepareParents(app, readParents([{ url: 'socks5://a.test' }], 'forward.parents'), { socks: () => Promise.reject(missing), kerberos: () => Promise.reject(missing) })
  await t.rejects(async () => { await app.ready() }, missing)
})
