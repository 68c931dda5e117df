import t from 'tap'
import { readNegotiateOptions } from '../../../lib/strategies/negotiate/options.js'
import { LegsStrategy } from '../../fixtures/legs.js'

t.test('no options: the settings are the defaults, frozen', async t => {
  const settings = readNegotiateOptions()
  t.match(settings, { service: undefined, realms: undefined, map: undefined, ntlm: undefined })
  t.equal(settings.onRefused({ reason: 'ticket', principal: null, cause: null }), undefined)
  t.ok(Object.isFrozen(settings))
})

t.test('a service in either spelling: is understood (R-NEG-5)', async t => {
  t.equal(readNegotiateOptions({ service: 'HTTP@proxy.test' }).service, 'HTTP/proxy.test')
  t.equal(readNegotiateOptions({ service: 'HTTP/proxy.test@R' }).service, 'HTTP/proxy.test@R')
  t.same(readNegotiateOptions({ realms: ['A', 'B'] }).realms, ['A', 'B'])
  const ntlm = new LegsStrategy()
  t.equal(readNegotiateOptions({ ntlm }).ntlm, ntlm)
})

t.test('the package: is loaded where it is needed, not before', async t => {
  const { initializeServer } = readNegotiateOptions()
  // Installed or not: what comes is a context, or an error that names the package.
  const came = await initializeServer('').then(context => typeof context.step, error => error.code)
  t.ok(['function', 'FST_PROXY_AUTH_MISSING_PACKAGE'].includes(came), came)
})

t.test('before the keytab is looked at: the package is loaded, unless contexts are opened without it', async t => {
  const came = await readNegotiateOptions().load().then(loaded => typeof (loaded as { initializeServer?: unknown }).initializeServer, error => error.code)
  t.ok(['function', 'FST_PROXY_AUTH_MISSING_PACKAGE'].includes(came), came)
  t.equal(await readNegotiateOptions({ initializeServer: async () => { throw new Error('not to be called') } }).load(), undefined)
})

t.test('wrong options: the boot fails', async t => {
  for (const [name, value] of Object.entries({
    service: 'host/proxy.test', realms: [], map: 'x', ntlm: {}, onRefused: 1, initializeServer: 1, keytab: '/etc/krb5.keytab'
  })) t.throws(() => readNegotiateOptions({ [name]: value }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: name }, name)
  for (const service of [7, 'HTTP', 'HTTP/', 'HTTP/a/b', 'http/a', 'HTTP/a@']) {
    t.throws(() => readNegotiateOptions({ service: service as string }), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, String(service))
  }
  for (const realms of ['R', [''], [7]]) t.throws(() => readNegotiateOptions({ realms: realms as string[] }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.throws(() => readNegotiateOptions({ ntlm: new LegsStrategy('Negotiate') }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})
