import type { FastifyInstance } from 'fastify'
import type { Parents } from '../../../policy/parent/parents.js'
import { loadSocks } from './by-socks.js'
import { loadKerberosClient } from '../login/kerberos-client.js'

/**
 * Makes parents ready to be used by an application: its log tells of those that fail and recover,
 * and a package that one of them needs is looked for at the boot. What a function may give later is
 * not known then.
 *
 * @throws {MissingPackage} At the boot: one is not installed.
 */
export function prepareParents (
  app: Pick<FastifyInstance, 'log' | 'addHook'>, parents: Parents, load = { socks: loadSocks, kerberos: loadKerberosClient }
): void {
  parents.logTo(app.log)
  app.addHook('onReady', async () => {
    if (parents.all.some(({ protocol }) => protocol === 'socks5')) await load.socks()
    if (parents.all.some(({ scheme }) => scheme === 'Negotiate')) await load.kerberos()
  })
}
