import { METHODS } from 'node:http'
import type { IncomingMessage } from 'node:http'
import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions, onSendHookHandler } from 'fastify'
import { BadOption, BadRequest, BadTarget } from '../../errors.js'
import { formatVia } from '../../fields/via.js'
import { closeBehind } from '../../platform/http1/close-behind.js'
import type { Exchanges } from '../exchange/exchanges.js'
import { expectContinue } from '../ingress/expect-continue.js'
import { addProxyStatus } from '../message/proxy-status.js'
import { acceptEveryMethod, hiddenSchema, onEveryServer, ownAddresses, ignoreVersions } from '../../platform/fastify.js'
import type { Hook } from '../../platform/hook.js'
import { hadUserinfo, hideUserinfo, malformation } from '../ingress/malformed.js'
import { NO_IDENTITY } from '../message/identity-field.js'
import type { RouteIdentity } from '../message/identity-field.js'
import { serveInOrder } from '../ingress/in-order.js'
import { closeWhileDraining } from '../exchange/close-while-draining.js'
import type { Parents } from '../../policy/parent/parents.js'
import type { Permit } from '../../policy/permission/permit.js'
import type { Permissions } from '../../policy/permission/permissions.js'
import { keepClientField, mayPassThrough } from '../parent/client-field.js'
import type { JoinOptions } from '../exchange/join.js'
import { OnlyAdmitted } from '../ingress/only-admitted.js'
import { respondAsLast, isLastRecipient } from '../message/max-forwards.js'
import { readReplyFields } from '../message/reply-fields.js'
import { keepFields, keepingFinalToken } from '../message/response-head.js'
import { refuseLoop } from '../message/forwarded-request.js'
import { isForHttpProxy } from '../message/upgrade.js'
import { dropForeignResponseFields } from './handed-response.js'
import type { FromOf } from './reply-from.js'
import type { RequestHeadRules } from './upstream-request.js'
import { RewrittenPaths, pathOf, upstreamName } from './destination.js'
import { createReverse } from './reverse.js'
import type { FromOptions, SendReverse } from './reverse.js'
import { pathParameters } from './parameters.js'
import type { PathParameters } from './parameters.js'
import { fullPrefix } from './route.js'
import type { HttpProxyRoute } from './route.js'
import { prepareParents } from '../parent/connect/prepare.js'
import { createReverseByParents } from './by-parents.js'
import { chooseUpstream } from './choose-client.js'
import type { ReverseUpstream } from './choose-client.js'
import type { ReverseClient } from './client.js'
import { followWebSocket, permitWebSocket, webSocketOptions } from './http-proxy-websocket.js'
import { passesWebSockets, takeWebSockets, webSocketConfig } from './take-websockets.js'
import { routedPath } from '../ingress/routed-path.js'
import { underPrefix } from '../ingress/under-prefix.js'
import { withListener } from '../upgrade/dispatcher.js'

/** What all reverse routes of a registration have in common. */
export interface ReverseShared {
  /**
   * When the gate's hook runs, and the hook. It fails or responds itself when it lets no request
   * through.
   */
  readonly hook: 'onRequest' | 'preHandler'
  readonly authenticate: Hook
  /** Our name in `Via`. */
  readonly pseudonym: string
  readonly exchanges: Exchanges
  /** What of the option `identity` holds for this route. Default none. */
  readonly identity?: RouteIdentity
  /** Of what an upgrade leads to. Default none. */
  readonly limits?: JoinOptions
  /** Sees our own responses before they leave. Default none. */
  readonly onSend?: onSendHookHandler
  /** Whether the log has the path of a request. Default: it has not. */
  readonly logsPaths?: boolean | undefined
  /** The parents that lead to the upstream. Default: it is reached directly. */
  readonly parents?: Parents | undefined
  /** Rules and a function that have to permit each request. Default none. */
  readonly permissions?: Permissions | undefined
}

const UNLIMITED: JoinOptions = { idleTimeout: 0, maxDuration: 0 }

/**
 * Registers a reverse route: @fastify/http-proxy behind the gate, in a scope of its own, with its
 * gaps closed in both directions. Its options mean what they mean there, apart from four defaults:
 * certificates of the upstream are verified, nothing is repeated, every method is taken, and
 * WebSockets pass through as they are.
 */
export async function registerReverse (
  app: FastifyInstance, route: HttpProxyRoute, shared: ReverseShared
): Promise<void> {
  const {
    hook, authenticate, pseudonym, exchanges, identity = NO_IDENTITY, limits = UNLIMITED, onSend = [],
    logsPaths = false, parents, permissions
  } = shared
  const { status, forwarded = true, identity: _, replyFields, ...options } = route
  const chosen = chooseUpstream(route, originalFrom)
  const upstream = parents === undefined ? chosen : { ...chosen, client: byParents(app, chosen, parents, pseudonym) }
  // With either of these the application wants bodies parsed, as Fastify parses them.
  const parses = options.preValidation !== undefined || options.proxyPayloads === false
  const consumed = new Set(status === 401 ? ['authorization'] : [])
  const mine = ['proxy-authorization', ...consumed]
  const rules: RequestHeadRules = { pseudonym, forwarded, consumed, identity }
  const base = String([options.upstream].flat()[0])
  const prefix = `${app.prefix}/${options.prefix ?? ''}`
  const named = fullPrefix(app, options)
  const send = createReverse({
    ...rules,
    ...limits,
    exchanges,
    via: formatVia(upstream.client.version, pseudonym),
    logsPaths,
    bodyTimeout: upstream.bodyTimeout,
    upstream,
    base,
    prefix: named,
    permissions,
    encodes: new Set(['application/json', ...options.contentTypesToEncode ?? []]),
    repeats: new Set(repeats(options) ? options.retryMethods ?? RETRY_METHODS : [])
  })
  // @fastify/http-proxy's own rewriting is of `Location`, and takes out of values what cannot be
  // sent.
  const onlyLocation = upstream.parsed && options.replyOptions?.rewriteHeaders === undefined
  const sendRewritten: SendReverse = (request, reply, source, from) => send(request, reply, source, from, onlyLocation)
  const paths = new RewrittenPaths(sendRewritten)
  const callsFrom = [options.handler, options.preHandler, options.beforeHandler].some((hook) => hook !== undefined)

  const depart = (request: FastifyRequest, reply: FastifyReply, done: (failure?: Error) => void): void => {
    const { raw } = request
    for (const name of mine) if (raw.headers[name] !== undefined) delete raw.headers[name]
    if (request.headers['max-forwards'] !== undefined && isLastRecipient(request)) {
      respondAsLast(request, reply)
      return
    }
    try {
      refuseLoop(raw, pseudonym)
      identity.own?.settle(request)
    } catch (failure) {
      return done(failure as Error)
    }
    if (isForHttpProxy(raw)) {
      // By a constraint that takes its time, which is not asked about before.
      if (way !== 'leave') return done(new BadRequest('this route takes no WebSockets'))
      const follow = (permit?: Permit) => {
        const followed = (failure: Error | null) => done(failure ?? undefined)
        followWebSocket(request, reply, webSocketUpstream, exchanges, { permit, logsPaths }, followed)
      }
      if (permissions !== undefined) {
        return permitWebSocket(request, webSocketUpstream, named, permissions, exchanges, (failure, permit) => {
          if (failure === null) follow(permit)
          else done(failure)
        })
      }
      return follow()
    }
    if (callsFrom) {
      reply.from = (source = pathOf(raw.url!), from = {}) => {
        send(request, reply, source, from as FromOptions)
        return reply
      }
    }
    done()
  }

  ignoreVersions(app)
  const parameters = pathParameters(prefix, route)
  // Then what @fastify/http-proxy makes of a path depends on the path alone.
  const isPlain = parameters === undefined &&
    [options.handler, options.preRewrite, options.replyOptions?.getUpstream].every((option) => option === undefined)
  const keeps = readReplyFields(replyFields, 'replyFields')
  const routed = routedPath(app)
  const isUnder = underPrefix(prefix)
  const taken = (request: IncomingMessage): boolean => {
    const path = routed(request)
    return path !== undefined && isUnder(path)
  }
  onEveryServer(app, (server) => {
    expectContinue(server, taken)
    serveInOrder(server, taken)
    hideUserinfo(server, taken)
  })
  const webSocketUpstream = upstreamName(String(options.wsUpstream || base))
  const way = options.websocket !== true ? 'none' : passesWebSockets(route, upstream.ours) ? 'pass' : 'leave'
  if (way === 'leave' && parents !== undefined) throw otherClient()
  const register = () => app.register(async (scope) => {
    const admitted = new OnlyAdmitted()
    if (!parses) acceptEveryMethod(scope)
    if (keeps !== undefined) scope.addHook('onRequest', (_request, reply, done) => { keepFields(reply, keeps); done() })
    scope.addHook('onRequest', refuseMalformed(parameters))
    if (parents !== undefined && mayPassThrough(parents)) scope.addHook('onRequest', keepClientField)
    scope.addHook(hook as 'onRequest', admitted.by(status === 401 ? keepingFinalToken(authenticate) : authenticate))
    scope.addHook('preHandler', depart)
    scope.addHook('onError', addProxyStatus(pseudonym))
    scope.addHook('onSend', closeWhileDraining(exchanges))
    scope.addHook('onRoute', function (this: FastifyInstance, settings: RouteOptions) {
      // Parsing is not ours to do, so what prepares for it (decompression) must not touch the
      // stream.
      if (!parses) delete settings.preParsing
      settings.onSend = [settings.onSend ?? [], onSend, dropForeignResponseFields].flat()
      settings.schema = { ...hiddenSchema(), ...settings.schema }
      if (parameters !== undefined) settings.handler = parameters.guard(settings.handler)
      else if (isPlain) settings.handler = paths.before(settings.handler)
      settings.handler = admitted.only(settings.handler)
    })
    scope.addHook('onClose', () => upstream.client.close())
    await scope.register(httpProxy, {
      ...(!parses && { httpMethods: METHODS.filter((method) => method !== 'CONNECT') }),
      disableRequestLogging: true, // there is one line of ours at the end
      ...options,
      ...upstream.options,
      handler: options.handler ?? (isPlain ? paths.sendFirst : sendRewritten),
      retryMethods: [], // repeating is ours to do
      ...(parameters !== undefined && { preRewrite: parameters.preRewrite }),
      ...(way === 'pass' ? { websocket: false } : webSocketOptions(options, rules)),
      config: { ...options.config, proxy: 'reverse', ...webSocketConfig(way) }
    } as typeof options)
  })
  if (way === 'leave') takeWebSockets(app, prefix, routed, way, await withListener(app, async () => { await register() }))
  else {
    await register()
    if (way === 'pass') takeWebSockets(app, prefix, routed, way)
  }
}

function byParents (
  app: FastifyInstance, { client, settings }: ReverseUpstream, parents: Parents, pseudonym: string
): ReverseClient {
  if (settings === undefined) throw otherClient()
  prepareParents(app, parents)
  return createReverseByParents(client, { ...settings, parents, pseudonym, own: ownAddresses(app) })
}

function otherClient (): Error {
  return new BadOption('reverse[].parents', 'left out where the route has a client of its own, several upstreams or a socket in the file system', 'both')
}

/**
 * Checks the message before the client is asked for credentials: what it is does not depend on
 * them.
 */
function refuseMalformed (parameters: PathParameters | undefined) {
  return (request: FastifyRequest, reply: FastifyReply, done: (failure?: Error) => void): void => {
    // @fastify/http-proxy closes behind any response but a 101.
    if (isForHttpProxy(request.raw)) reply.raw.shouldKeepAlive = false
    const failure = failureOf(request.raw) ?? parameters?.failureOf(request) ?? null
    if (failure === null) return done()
    closeBehind(reply)
    done(failure)
  }
}

function failureOf (request: IncomingMessage): Error | null {
  const url = request.url!
  // Another host's path, which merely looks like ours (RFC 9112, 3.3).
  if (!url.startsWith('/')) return new BadTarget('this is no proxy for other hosts')
  if (url.includes('#')) return new BadTarget('it has a fragment')
  return hadUserinfo(request) ? new BadRequest('Host has userinfo') : malformation(request)
}

/** The methods that @fastify/reply-from repeats. */
const RETRY_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE']

/** `reply.from` of @fastify/reply-from, whatever {@link registerReverse} has put before it. */
function originalFrom (reply: FastifyReply): ReturnType<FromOf> {
  return (Object.getPrototypeOf(reply) as { from: ReturnType<FromOf> }).from
}

/**
 * Whether the application configured repetitions. Else @fastify/reply-from would repeat a 503 ten
 * times.
 *
 * @quirk reply-from-repeats-503
 */
function repeats ({ retryMethods, maxRetriesOn503, replyOptions }: HttpProxyRoute): boolean {
  return retryMethods !== undefined || Boolean(maxRetriesOn503) ||
    Boolean(replyOptions?.retriesCount) || replyOptions?.retryDelay !== undefined
}
