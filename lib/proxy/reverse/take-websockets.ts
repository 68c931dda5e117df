import type { IncomingMessage, Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { routerOf } from '../../platform/fastify.js'
import type { RoutedRequest, Router } from '../../platform/fastify.js'
import { hideUserinfoOf } from '../ingress/malformed.js'
import type { routedPath } from '../ingress/routed-path.js'
import { withinPrefix } from '../ingress/under-prefix.js'
import { markForHttpProxy } from '../message/upgrade.js'
import { takeUpgrades } from '../upgrade/dispatcher.js'
import type { UpgradeListener } from '../upgrade/dispatcher.js'
import { extendedResponse } from '../upgrade/extended-connect.js'
import { offeredProtocols, routeUpgrade } from '../upgrade/upgrade.js'
import type { HttpProxyRoute } from './route.js'

/** Options of @fastify/http-proxy for its own server and client of WebSockets. */
const OF_HTTP_PROXY = ['wsUpstream', 'wsHooks', 'wsReconnect', 'wsServerOptions', 'wsClientOptions'] as const

/**
 * Whether WebSockets of a route are passed through as they are, which they are wherever our client
 * asks the upstream. With options for the server and the client of WebSockets that
 * @fastify/http-proxy has, those two take the messages in and send them on.
 */
export function passesWebSockets (route: HttpProxyRoute, ours: boolean): boolean {
  return ours && OF_HTTP_PROXY.every((name) => (route as unknown as Record<string, unknown>)[name] === undefined)
}

/**
 * What a route makes of WebSockets: it has none, passes them through as they are, or leaves them to
 * @fastify/http-proxy.
 */
export type WebSocketWay = 'none' | 'pass' | 'leave'

const kWay = Symbol('fastify-proxy-auth.webSocketWay')

/** The part of a route's `config` by which {@link takeWebSockets} knows its way. */
export function webSocketConfig (way: WebSocketWay): object {
  return { [kWay]: way }
}

/** The listener of @fastify/http-proxy, one for all its routes on a server. */
const listeners = new WeakMap<Server, UpgradeListener>()

/**
 * Takes the WebSockets under a prefix; other upgrades there are plain requests. The route that
 * takes the request says how, which may be one with a longer prefix.
 *
 * @param routed - By which path the router finds the route of a request.
 * @param way - Where that is no reverse route.
 * @param listener - That of @fastify/http-proxy, where it is to answer them.
 */
export function takeWebSockets (
  app: FastifyInstance, prefix: string, routed: ReturnType<typeof routedPath>, way: WebSocketWay,
  listener?: UpgradeListener
): void {
  const within = withinPrefix(prefix)
  const router = routerOf(app)
  if (listener !== undefined) listeners.set(app.server, listener)
  takeUpgrades(app, (request, head) => {
    const path = routed(request)
    if (path === undefined || !within(path)) return undefined
    hideUserinfoOf(request)
    const { method, socket } = request
    if (method !== 'GET' || !offeredProtocols(request).some(isWebSocket)) return 'ignore'
    const taken = wayOf(router, request, path) ?? way
    if (taken === 'pass') routeUpgrade(app, request, head, ['websocket'])
    // The package `ws` knows of no streams.
    else if (taken === 'none' || extendedResponse(request) !== undefined) return 'ignore'
    else {
      markForHttpProxy(request)
      listeners.get(app.server)!.call(app.server, request, socket, head)
    }
    return 'taken'
  })
}

function isWebSocket (protocol: string): boolean {
  return protocol.toLowerCase() === 'websocket'
}

function wayOf (router: Router, request: IncomingMessage, path: string): WebSocketWay | undefined {
  const constraints = router.constrainer.deriveConstraints(request as RoutedRequest, undefined)
  const found = router.find(request.method!, path, constraints)
  return (found?.store?.config as { [kWay]?: WebSocketWay } | undefined)?.[kWay]
}
