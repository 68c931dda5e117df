import type { FastifyInstance } from 'fastify'
import { listensInTheClear, sendsSecrets } from './cleartext.js'
import { isPortableRealm } from './fields/challenge.js'
import { isConnectionBound } from './passport/connection-bound.js'
import type { Declared } from './passport/declaration.js'
import type { Settings } from './settings/settings.js'

/** As much of a strategy as there may be something to say about. */
type Offered = Pick<Declared, 'name' | 'realm' | 'scheme'>

/**
 * Says at the start what will surprise some clients, or lets somebody read their passwords.
 *
 * @param chains - The strategies that are asked together. Called when the application is ready, and again when it listens.
 */
export function warnAtStart (app: FastifyInstance, cleartext: Settings['cleartext'], chains: () => ReadonlyArray<readonly Offered[]>): void {
  app.addHook('onReady', async () => {
    warnOfClients(app, chains().flat())
    if (cleartext === 'warn' && chains().some(offersBasicBesideDigest)) {
      app.log.warn('Basic beside Digest: whoever answers in our place asks for Basic alone, and reads the passwords')
    }
  })
  app.addHook('onListen', async () => {
    if (cleartext === 'warn' && chains().flat().some(sendsSecrets) && listensInTheClear(app)) {
      app.log.warn('Basic and Bearer are accepted without TLS from other hosts: see option `cleartext`')
    }
  })
}

/** Once for each strategy, on however many routes it is. */
function warnOfClients (app: FastifyInstance, strategies: readonly Offered[]): void {
  const told = new Set<string>()
  for (const { name, realm, scheme } of strategies) {
    const about = `${name}\n${realm}`
    if (told.has(about)) continue
    told.add(about)
    if (isConnectionBound(scheme)) app.log.warn({ strategy: name }, `${scheme} is offered: clients prefer it to Digest and Basic, and some (curl --proxy-anyauth) do not fall back`)
    if (!isPortableRealm(realm)) app.log.warn({ strategy: name, realm }, 'a realm with a comma, quote or backslash: some clients read it wrongly')
  }
}

/** Which reduces the whole to Basic (RFC 7616, 5.6). */
function offersBasicBesideDigest (strategies: readonly Offered[]): boolean {
  return ['Basic', 'Digest'].every(name => strategies.some(({ scheme }) => scheme === name))
}
