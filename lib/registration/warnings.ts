import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { listensInTheClear } from './cleartext.js'
import { isPortableRealm } from '../fields/challenge.js'
import { isConnectionBound, traitsOf } from '../schemes/traits.js'
import type { Declared } from '../passport/declaration.js'
import { on } from '../platform/guarded.js'
import type { Settings } from '../options/settings.js'

/** As much of a strategy as there may be something to say about. */
type Offered = Pick<Declared, 'name' | 'realm' | 'scheme'>

/**
 * Says at the start what will surprise some clients, or exposes their passwords.
 *
 * @param chains - The strategies that are asked together. Called when the application is ready, and
 *   again when it listens.
 */
export function warnAtStart (
  app: FastifyInstance, settings: Settings, chains: () => ReadonlyArray<readonly Offered[]>
): void {
  const { cleartext, unused, forward, reverse } = settings
  app.addHook('onReady', async () => {
    for (const option of unused) app.log.warn(`option \`${option}\` is of no use without \`forward\``)
    if (forward?.policy.special?.some((pattern) => /^\*(?::|$)/.test(pattern)) === true) {
      app.log.warn('forward.special holds every address: users reach loopback and the networks around this machine')
    }
    if (forward === undefined && reverse.length === 0 && app.printRoutes().startsWith('(empty')) {
      app.log.warn('neither `forward` nor `reverse`, and no route: nothing is behind proxy authentication')
    }
    if (chains().flat().some(isCertificate) && !asksForCertificates(app)) {
      app.log.warn('client certificates are asked for, but the server has no TLS with `requestCert: true`: there will be none')
    }
    warnOfClients(app, chains().flat())
    if (cleartext === 'warn' && chains().some(offersBasicBesideDigest)) {
      app.log.warn('Basic beside Digest: an attacker that responds in our place asks for Basic alone, and reads the passwords')
    }
  })
  app.addHook('onListen', async () => {
    noteDroppedConnects(app)
    if (cleartext === 'refuse' && chains().some((chain) => chain.every(({ scheme }) => traitsOf(scheme).sendsSecret)) && listensInTheClear(app)) {
      app.log.warn('Basic and Bearer are refused without TLS, and nothing else is offered: only clients on loopback get in')
    }
    if (cleartext === 'warn' && chains().flat().some(({ scheme }) => traitsOf(scheme).sendsSecret) && listensInTheClear(app)) {
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
  return ['Basic', 'Digest'].every((name) => strategies.some(({ scheme }) => scheme === name))
}

function isCertificate ({ name, scheme }: Offered): boolean {
  return name === 'client-certificate' && scheme === null
}

function asksForCertificates ({ server }: FastifyInstance): boolean {
  return (server as { requestCert?: boolean }).requestCert === true
}

/**
 * Without a listener node drops a CONNECT of HTTP/1.1 in silence, and refuses one of HTTP/2 with
 * 405, as it does when no registration has `forward`. Where debug lines are written, one says so,
 * and what node does is done as before.
 */
function noteDroppedConnects (app: FastifyInstance): void {
  const { server, log } = app
  if (!['debug', 'trace'].includes(log.level) || server.listenerCount('connect') > 0) return
  on(server, 'connect', (request: IncomingMessage, client: Socket | ServerResponse) => {
    if (server.listenerCount('connect') > 1) return // the application's own came later: it answers
    log.debug({ address: request.socket.remoteAddress }, 'a CONNECT is dropped, as there is no `forward`')
    if ('writeHead' in client) client.writeHead(405).end() // HTTP/2, where node refuses it
    else client.destroy()
  })
}
