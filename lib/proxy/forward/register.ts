import { METHODS } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { FastifyInstance, FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify'
import { BadRegistration } from '../../errors.js'
import { closeBehind } from '../../platform/http1/close-behind.js'
import { leaveCause } from '../../platform/http1/refusal-cause.js'
import { on, prepend } from '../../platform/guarded.js'
import type { Parents } from '../../policy/parent/parents.js'
import type { Permissions } from '../../policy/permission/permissions.js'
import { createAccess } from '../../policy/target/access.js'
import type { Access, ForwardPolicyOptions } from '../../policy/target/access.js'
import type { Milliseconds, ProxyIdentity } from '../../types.js'
import { sendOwn } from '../message/own-response.js'
import { serveAutoConfiguration } from './auto-configuration-route.js'
import type { AutoConfigurationSettings } from './auto-configuration-route.js'
import { takeConnect } from '../connect/take-http1.js'
import type { KeepAliveAfter407 } from '../connect/take-http1.js'
import type { ReasonPhrases } from '../connect/reason-phrases.js'
import type { Exchanges } from '../exchange/exchanges.js'
import { expectContinue } from '../ingress/expect-continue.js'
import { addProxyStatus } from '../message/proxy-status.js'
import { extendedResponse } from '../upgrade/extended-connect.js'
import { loginFor } from '../parent/asker.js'
import { Blame } from '../parent/blame.js'
import { keepClientField, mayPassThrough } from '../parent/client-field.js'
import { prepareParents } from '../parent/connect/prepare.js'
import {
  acceptEveryMethod, hiddenSchema, onEveryServer, ownAddresses, replaceEmptySessions
} from '../../platform/fastify.js'
import { createByParents } from './by-parents.js'
import { createForward } from './forward.js'
import {
  TARGET_FORM, isReused, markActive, receive, received, showTargets, targetFormConstraint
} from '../ingress/target-form.js'
import type { Received } from '../ingress/target-form.js'
import type { IdentityField } from '../message/identity-field.js'
import { serveInOrder } from '../ingress/in-order.js'
import { closeWhileDraining } from '../exchange/close-while-draining.js'
import type { Hook } from '../../platform/hook.js'
import { createOriginClient } from '../upstream/origin-client.js'
import { OnlyAdmitted } from '../ingress/only-admitted.js'
import { createOwnAuthority } from '../ingress/own-authority.js'
import { createTunnel } from '../connect/tunnel.js'
import { takeUpgrades } from '../upgrade/dispatcher.js'
import type { TakeUpgrade } from '../upgrade/dispatcher.js'
import { offeredProtocols, routeUpgrade } from '../upgrade/upgrade.js'

/** What the options say of the forward proxy, defaults filled in. */
export interface ForwardSettings {
  readonly policy: ForwardPolicyOptions<ProxyIdentity>
  readonly authorities: readonly string[]
  readonly connectTimeout: Milliseconds
  readonly headersTimeout: Milliseconds
  readonly bodyTimeout: Milliseconds
  readonly maxResponseHead: number
  readonly localAddress: string | undefined
  readonly tls: ConnectionOptions | undefined
  readonly idleTimeout: Milliseconds
  readonly maxDuration: Milliseconds
  readonly keepAliveAfter407: KeepAliveAfter407
  readonly reasonPhrases: false | ReasonPhrases
  readonly pac?: AutoConfigurationSettings
  /** None: every target is reached directly. */
  readonly parents?: Parents
}

/** How the clients of the forward proxy are let in. */
export interface ForwardGates {
  /** The hook that asks for credentials. */
  readonly authenticate: Hook
  /** Whether it may let in a request without credentials. Asked when the server is ready. */
  readonly admitsWithoutCredentials: () => boolean
  /** Whether it lets in what comes on a connection, for what came on it before. */
  readonly carriesIdentity: (socket: Socket) => boolean
}

export interface ForwardProxyOptions {
  readonly settings: ForwardSettings
  readonly exchanges: Exchanges
  readonly pseudonym: string
  /**
   * The fields that tell upstreams of reverse routes who a user is: no target gets them from a
   * client. Default none.
   */
  readonly identities?: readonly IdentityField[] | undefined
  /** Whether the log has the path of a request. Default: it has not. */
  readonly logsPaths?: boolean | undefined
  /** When the hook of the gates runs. */
  readonly hook: 'onRequest' | 'preHandler'
  readonly gates: ForwardGates
  /** Rules and a function that have to permit each request. Default none. */
  readonly permissions?: Permissions | undefined
  /** What may write an answer of our own in another way, before it goes out. */
  readonly onSend: onSendHookHandler
  /** The addresses of further listeners, which are no targets either. Default none. */
  readonly listeners?: readonly AddressInfo[] | undefined
}

/**
 * Makes the server a forward proxy: the router constraint, the routes for absolute-form and
 * CONNECT, and the listeners that bring in what node keeps from the router.
 *
 * Where a parent speaks SOCKS5 and the package for that is missing, the boot fails.
 *
 * @returns The destination policy, to be explained by.
 * @throws {BadRegistration} Under a prefix, or a second time on one server.
 */
export function registerForwardProxy (app: FastifyInstance, options: ForwardProxyOptions): Access<ProxyIdentity> {
  if (app.prefix !== '') throw new BadRegistration('forward cannot have a prefix')
  if (app.hasConstraintStrategy(TARGET_FORM)) throw new BadRegistration('this server has forward already')
  const {
    settings, exchanges, pseudonym, identities, logsPaths, hook, permissions, onSend, listeners
  } = options
  const { authenticate, admitsWithoutCredentials, carriesIdentity } = options.gates
  const own = ownAddresses(app, listeners)
  const access = createAccess(settings.policy, own)
  const client = createOriginClient(settings)
  const { parents, policy: { lookup } } = settings
  if (parents !== undefined) prepareParents(app, parents)
  const ways = parents && { ...settings, parents, health: new Blame(parents), pseudonym, access, own, lookup, loginFor }
  const byParents = ways && createByParents({ ...ways, client })
  const common = { ...settings, access, exchanges, pseudonym, permissions }
  const forward = createForward({ ...common, client, byParents, identities, logsPaths })
  const tunnel = createTunnel({ ...common, ways })

  const isOwn = createOwnAuthority(settings.authorities)
  const bringIn: BringIn = (request, upgrades) => receive(request, isOwn, upgrades)

  app.addConstraintStrategy(targetFormConstraint(bringIn) as never)
  app.register(async (scope) => {
    const admitted = new OnlyAdmitted()
    acceptEveryMethod(scope)
    showTargets(scope, app)
    scope.addHook('onRequest', refuseMalformed)
    replaceEmptySessions(scope)
    if (parents !== undefined && mayPassThrough(parents)) scope.addHook('onRequest', keepClientField)
    scope.addHook(hook as 'onRequest', admitted.by(authenticate))
    scope.addHook('onError', addProxyStatus(pseudonym))
    scope.addHook('onSend', closeWhileDraining(exchanges))
    const route = { url: '*', schema: hiddenSchema(), constraints: { [TARGET_FORM]: 'proxy' }, exposeHeadRoute: false, onSend: [onSend, sendOwn] }
    scope.route({ ...route, method: METHODS.filter((method) => method !== 'CONNECT'), handler: admitted.only(forward), config: { proxy: 'forward' } })
    scope.route({ ...route, method: 'CONNECT', handler: admitted.only(tunnel), config: { proxy: 'connect' } })
  })

  if (settings.pac !== undefined) serveAutoConfiguration(app, settings.pac, settings.policy)

  // What follows a refused CONNECT would be let in as the client, and it may be no request of the
  // client's at all.
  const keepAlive = () => admitsWithoutCredentials() ? 'never' : settings.keepAliveAfter407
  const mayBeProxied = (request: IncomingMessage) => bringIn(request) !== undefined
  onEveryServer(app, (server) => {
    prepend(server, 'request', receiveFirst(bringIn))
    on(server, 'connect', takeConnect(app, server, { keepAlive, carriesIdentity, exchanges, reasonPhrases: settings.reasonPhrases }))
    expectContinue(server, mayBeProxied)
    serveInOrder(server, mayBeProxied)
  })
  takeUpgrades(app, takeForwarded(app, bringIn))
  app.addHook('onClose', () => Promise.all([client.close(), byParents?.close()]))
  return access
}

/**
 * What has a scheme and a host in its target is ours. So is all that comes on a connection given
 * back, to be refused.
 */
function takeForwarded (app: FastifyInstance, bringIn: BringIn): TakeUpgrade {
  return (request, head) => {
    const { url } = request
    if (extendedResponse(request) !== undefined) {
      if (bringIn(request) === undefined) return undefined
    } else if (url!.startsWith('/') || url === '*') {
      return isReused(request) ? 'ignore' : undefined
    }
    const protocols = offeredProtocols(request)
    if (protocols.length === 0) return 'ignore'
    markActive(request)
    bringIn(request, true)
    routeUpgrade(app, request, head, protocols)
    return 'taken'
  }
}

/** {@link receive}, and what it has to know. */
type BringIn = (request: IncomingMessage, upgrades?: boolean) => Received | undefined

/**
 * Before Fastify's own listener, whose router and log must find the request as `receive` leaves it.
 */
function receiveFirst (bringIn: BringIn) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    markActive(request)
    // A proxy keeps no connection with HTTP/1.0 (RFC 9112, 9.3).
    if (bringIn(request) !== undefined && request.httpVersion === '1.0') response.shouldKeepAlive = false
  }
}

/**
 * Checks the message before the client is asked for credentials: what it is does not depend on
 * them.
 */
function refuseMalformed (request: FastifyRequest, reply: FastifyReply, done: (failure?: Error) => void): void {
  const { failure } = received(request.raw)!
  if (failure === null) return done()
  closeBehind(reply)
  leaveCause(reply.raw, failure)
  done(failure)
}
