import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { guarded, intercept, on } from '../../platform/guarded.js'
import { onExtendedConnect } from './extended-connect.js'
import { catchSocketErrors } from '../../platform/http1/detached-socket.js'
import { onEveryServer } from '../../platform/fastify.js'
import { ignoreUpgradeWithContent, wasIgnored } from '../../platform/http1/upgrade-with-content.js'
import { offerToApplication } from './offer-to-application.js'
import { parseRest, ignoreUpgrade } from './ignore-upgrade.js'
import { endBroken, goAway } from '../../platform/http2/sessions.js'
import { afterPreviousResponse } from '../../platform/http1/pipelining.js'

/**
 * Says what becomes of an upgrade: it has been taken; its `Upgrade` is to be ignored (RFC 9110,
 * 7.8), so that it goes on as a plain request; or, `undefined`, that is for others to say.
 *
 * @param head - What came behind the head of the request.
 */
export type TakeUpgrade = (request: IncomingMessage, head: Buffer) => 'taken' | 'ignore' | undefined

/** A listener of node's `upgrade` event. */
export type UpgradeListener = (this: Server, request: IncomingMessage, socket: Socket, head: Buffer) => void

interface Dispatcher {
  readonly takes: TakeUpgrade[]
  readonly dispatch: UpgradeListener
  /** This one's own listener, and those that a taker alone calls. */
  readonly ours: Set<unknown>
}

const dispatchers = new WeakMap<Server, Dispatcher>()

/**
 * Makes each upgrade that comes to the server of `app` one owner's. Node calls all listeners of
 * `upgrade` with all of them, and none can know what is another's: @fastify/http-proxy goes by how
 * many there are, and what each takes for another's stays without an answer. So the takers are
 * asked first, in turn, then the application's own listeners get what is left. What none wants
 * goes on as a plain request: a server may overlook any offer (RFC 9110, 7.8), and some clients
 * offer `h2c` with every request. Once per server, however many registrations ask for it.
 *
 * @quirk http-proxy-upgrade-listener
 */
export function takeUpgrades (app: FastifyInstance, take: TakeUpgrade): void {
  dispatcherOf(app).takes.push(take)
}

/**
 * Registers what may add a listener for upgrades, which is then for a taker to call.
 *
 * @returns That listener; if none was added, the one added before.
 * @quirk http-proxy-upgrade-listener
 */
export async function withListener (app: FastifyInstance, register: () => Promise<unknown>): Promise<UpgradeListener> {
  const { server } = app
  const { ours, dispatch } = dispatcherOf(app)
  const before = new Set(server.listeners('upgrade'))
  await register()
  for (const listener of server.listeners('upgrade')) if (!before.has(listener)) ours.add(listener)
  if (ours.size > 1) server.removeListener('upgrade', dispatch) // that of http-proxy counts how many there are
  return [...ours].at(-1) as UpgradeListener
}

function dispatcherOf (app: FastifyInstance): Dispatcher {
  const known = dispatchers.get(app.server)
  if (known !== undefined) return known
  const dispatcher = install(app)
  dispatchers.set(app.server, dispatcher)
  return dispatcher
}

function install (app: FastifyInstance): Dispatcher {
  const { server } = app
  const takes: TakeUpgrade[] = []
  const waiting = new Set<() => void>()
  let closing = false

  const dispatch: UpgradeListener = (request, socket, head) => {
    catchSocketErrors(socket)
    if (wasIgnored(request)) return afterPreviousResponse(socket, () => parseRest(socket, head))
    const goOn = ignoreUpgrade(request, head)
    afterPreviousResponse(socket, () => offer(request, socket, head, goOn))
  }
  const offer = guarded((request: IncomingMessage, socket: Socket, head: Buffer, goOn: () => void) => {
    const verdict = verdictOf(takes, request, head)
    if (verdict === 'ignore') goOn()
    if (verdict !== undefined) return
    const others = (server.listeners('upgrade') as UpgradeListener[]).filter((listener) => !ours.has(listener))
    if (others.length === 0) return goOn()
    offerToApplication(() => {
      for (const other of others) other.call(server, request, socket, head)
    }, socket, waiting, goOn)
    if (closing) for (const settle of waiting) settle()
  })
  const ours = new Set<unknown>([dispatch])

  onEveryServer(app, ignoreUpgradeWithContent)
  // Of HTTP/2, where nothing that is not taken is plain.
  onEveryServer(app, (server) => onExtendedConnect(server, (request) => verdictOf(takes, request, EMPTY) === 'taken'))
  // Tunnels and WebSockets of HTTP/2 are what a session may be left with.
  goAway(app)
  endBroken(app)
  app.addHook('preClose', async () => {
    closing = true
    for (const settle of waiting) settle()
  })
  on(server, 'upgrade', dispatch) // without a listener node does not tell upgrades from other requests
  // What node calls, and Fastify for the further addresses of `localhost`. Listeners that come
  // later are seen as well.
  intercept(server, ['upgrade'], (_event: string, request: IncomingMessage, socket: Socket, head: Buffer) => {
    dispatch.call(server, request, socket, head)
    return true
  })
  return { takes, dispatch, ours }
}

const EMPTY = Buffer.alloc(0)

function verdictOf (takes: readonly TakeUpgrade[], request: IncomingMessage, head: Buffer): ReturnType<TakeUpgrade> {
  for (const take of takes) {
    const verdict = take(request, head)
    if (verdict !== undefined) return verdict
  }
  return undefined
}
