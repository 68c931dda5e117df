import { utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { Keytab, isService, keytabPath, loadKerberos } from '../../../lib/strategies/negotiate/kerberos.js'
import { keytab, keytabEntry } from '../../fixtures/keytab.js'

/** A keytab that `KRB5_KTNAME` names, as long as the test runs. */
function named (t: Test, content?: Buffer): string {
  const before = process.env['KRB5_KTNAME']
  t.teardown(() => {
    if (before === undefined) delete process.env['KRB5_KTNAME']
    else process.env['KRB5_KTNAME'] = before
  })
  const path = join(t.testdir({}), 'service.keytab')
  if (content !== undefined) writeFileSync(path, content)
  process.env['KRB5_KTNAME'] = `FILE:${path}`
  return path
}

t.test('a package that is not there: is named in the error', async t => {
  await t.rejects(loadKerberos('a-package-that-is-not-there'), { code: 'FST_PROXY_AUTH_MISSING_PACKAGE', message: /npm install a-package/, cause: Error })
  t.equal(await loadKerberos('node:path').then(found => typeof found), 'object')
})

t.test('the name of a keytab, in each spelling: gives the path of the file, if there is one', async t => {
  for (const [name, path] of [
    [undefined, '/etc/krb5.keytab'], ['', '/etc/krb5.keytab'], ['/a/b', '/a/b'], ['FILE:/a:b', '/a:b'], ['WRFILE:/a', '/a'], ['MEMORY:x', undefined], ['DIR:/a', undefined]
  ] as const) {
    const before = process.env['KRB5_KTNAME']
    delete process.env['KRB5_KTNAME']
    t.equal(keytabPath(name), path, String(name))
    if (before !== undefined) process.env['KRB5_KTNAME'] = before
  }
})

t.test('a principal: is that of the proxy only if it matches the service (R-NEG-5)', async t => {
  t.ok(isService('HTTP/proxy.test@R', undefined))
  t.ok(isService('HTTP/proxy.test@R', 'HTTP/proxy.test'))
  t.ok(isService('HTTP/proxy.test@R', 'HTTP/proxy.test@R'))
  for (const [principal, service] of [
    ['host/proxy.test@R', undefined], ['HTTP', undefined], ['', undefined], ['HTTPS/proxy.test@R', undefined], ['HTTP/other.test@R', 'HTTP/proxy.test'],
    ['HTTP/proxy.test@S', 'HTTP/proxy.test@R'], ['HTTP/PROXY.test@R', 'HTTP/proxy.test']
  ] as const) t.notOk(isService(principal, service), principal)
})

t.test('a good keytab: is read once, until it changes', async t => {
  const path = named(t, keytab(keytabEntry('R', 'host', 'proxy.test'), keytabEntry('R', 'HTTP', 'proxy.test')))
  const watched = new Keytab(undefined)
  await watched.check()
  await watched.check()
  writeFileSync(path, keytab(keytabEntry('R', 'host', 'proxy.test'), keytabEntry('R', 'HTTX', 'proxy.test')))
  utimesSync(path, 1, 1)
  await t.rejects(watched.check(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('a keytab that is of no use: the error says what is wrong with it (R-NEG-5)', async t => {
  const told = async (t: Test, message: RegExp, service?: string) => {
    await t.rejects(new Keytab(service).check(), { code: 'FST_PROXY_AUTH_BAD_OPTION', message })
  }
  t.test('it is missing', async t => {
    named(t)
    await told(t, /KRB5_KTNAME.*HTTP\/ and the name of the proxy, got that of no file/)
  })
  t.test('it cannot be read', async t => {
    process.env['KRB5_KTNAME'] = dirname(named(t))
    await told(t, /got EISDIR for reading it/)
  })
  t.test('it is none', async t => {
    named(t, Buffer.from('garbage'))
    await told(t, /that of another file/)
  })
  t.test('it is empty', async t => {
    named(t, keytab())
    await told(t, /an empty one/)
  })
  t.test('it has the keys of others', async t => {
    named(t, keytab(keytabEntry('R', 'HTTP', 'other.test')))
    await new Keytab(undefined).check()
    await told(t, /a key of HTTP\/proxy.test, got one with keys of HTTP\/other.test@R/, 'HTTP/proxy.test')
  })
  t.test('it is in no file, where nobody can look', async t => {
    named(t)
    process.env['KRB5_KTNAME'] = 'MEMORY:x'
    await new Keytab(undefined).check()
  })
})
