import { Agent, Dispatcher, Pool, ProxyAgent, getGlobalDispatcher } from 'undici'
import type { Milliseconds } from '../../types.js'
import { connectionIn, createConnector } from '../upstream/connection.js'
import type { OriginClientOptions } from '../upstream/origin-client.js'
import { PINNED_IDLE } from '../upstream/pinned-connections.js'
import { RESPONSE_HEAD } from '../upstream/response-head-limit.js'
import { createReverseClient } from './client.js'
import type { ReverseClient } from './client.js'
import { createReplyFromClient } from './reply-from.js'
import type { FromOf } from './reply-from.js'
import type { HttpProxyRoute } from './route.js'

/** How the upstream of a route is reached. */
export interface ReverseUpstream {
  readonly client: ReverseClient
  /**
   * Whether that is undici, driven by us: only then does all pass that a client or an upstream may
   * send.
   */
  readonly ours: boolean
  /**
   * Whether responses are parsed by a client of ours, so that no field has a value that cannot be
   * sent.
   */
  readonly parsed: boolean
  /** `undici`, `http` and `http2` for @fastify/reply-from. */
  readonly options: Record<string, unknown>
  /** For a client that goes another way. `undefined`: the options have a client of their own. */
  readonly settings?: Required<Omit<OriginClientOptions, 'localAddress'>>
  /** How long a silence within a body may be, on the client's side as on the upstream's. */
  readonly bodyTimeout: Milliseconds
}

/** As @fastify/reply-from has them. */
const POOL = { pipelining: 1, connections: 128 }

/** The longest silence of an upstream, as undici has it. */
export const SILENCE: Milliseconds = 300_000

/** How long an upstream may take to accept a connection, as undici has it. */
const CONNECT: Milliseconds = 10_000

type Options = Record<string, unknown>

/**
 * Chooses the client of a route. Where the options leave it to undici, undici is driven by us, with
 * the options' settings; other clients stay as they are. Certificates of the upstream are verified
 * unless the options say `rejectUnauthorized: false` themselves; the default of @fastify/http-proxy
 * is not to look.
 *
 * @quirk reply-from-own-pools
 */
export function chooseUpstream (route: HttpProxyRoute, from: FromOf): ReverseUpstream {
  const { http, http2, undici, globalAgent, destroyAgent = false, upstream, maxResponseHead: maxHeaderSize = RESPONSE_HEAD } = route as Omit<HttpProxyRoute, 'undici' | 'http' | 'http2'> & Record<'undici' | 'http' | 'http2', unknown>
  const theirs = (options: Options, version: '1.1' | '2.0' = '1.1'): ReverseUpstream => {
    return { client: createReplyFromClient(version, from), ours: false, parsed: false, options, bodyTimeout: SILENCE }
  }
  if (http2) {
    const settings = optionsOf(http2)
    return theirs({ http2: { ...settings, sessionOptions: verified(settings['sessionOptions']) } }, '2.0')
  }
  if (http || undici === false) {
    const settings = optionsOf(http)
    return theirs({ undici: false, http: { ...settings, requestOptions: { maxHeaderSize, ...verified(settings['requestOptions']) } } })
  }
  if (undici instanceof Dispatcher) {
    const ending = destroyAgent ? { end: async () => await undici.destroy() } : {}
    return ours(createReverseClient(undici, undefined, ending), false)
  }
  const settings = optionsOf(undici)
  if (typeof settings['request'] === 'function') return theirs({ undici })
  // Of several upstreams, or of a unix socket, @fastify/reply-from makes pools of its own whatever
  // it is given.
  if (Array.isArray(upstream) || upstream.startsWith('unix+')) return theirs({ undici: { maxHeaderSize, ...settings, tls: verified(settings['tls']) } })
  if (globalAgent) return ours(createReverseClient(globalDispatcher), false)
  const { proxy, ...rest } = settings
  const open = (pool: Options) => proxy === undefined
    ? new Agent({ factory: poolOf, ...POOL, maxHeaderSize, ...rest, ...pool, connect: createConnector(rest) })
    : new ProxyAgent({ ...POOL, maxHeaderSize, ...proxyOptions(proxy), ...rest, ...pool })
  const dispatcher = open({})
  const client = createReverseClient(dispatcher, () => open({ connections: 1, keepAliveTimeout: PINNED_IDLE }), {
    end: async () => await dispatcher.destroy(),
    headersTimeout: (settings['headersTimeout'] ?? SILENCE) as Milliseconds,
    // Others begin a connection with octets of their own: it would look like one that has served a
    // request.
    repeats: proxy === undefined && settings['allowH2'] !== true && settings['factory'] === undefined
  })
  const chosen = ours(client, true, settings['bodyTimeout'] as Milliseconds | undefined)
  const hasOwn = proxy !== undefined || settings['factory'] !== undefined || typeof settings['connect'] === 'function'
  return hasOwn ? chosen : { ...chosen, settings: settingsOf(settings, maxHeaderSize) }
}

/** An agent's `factory`, as undici has it, but that connections know where they lead to. */
function poolOf (origin: string | URL, options: Options): Dispatcher {
  return options['connections'] === 1 ? connectionIn(origin, options) : new Pool(origin, { ...options, factory: connectionIn })
}

/** What of undici's options another client of ours can do with. */
function settingsOf (given: Options, maxHeaderSize: number): NonNullable<ReverseUpstream['settings']> {
  const {
    connectTimeout = CONNECT, headersTimeout = SILENCE, bodyTimeout = SILENCE,
    maxHeaderSize: maxResponseHead = maxHeaderSize, tls, connect
  } = given as Partial<Record<string, number>>
  const options = { ...optionsOf(tls), ...optionsOf(connect) }
  return { connectTimeout, headersTimeout, bodyTimeout, maxResponseHead, tls: options }
}

function ours (client: ReverseClient, parsed: boolean, bodyTimeout: Milliseconds = SILENCE): ReverseUpstream {
  return { client, ours: true, parsed, options: { undici: NO_CLIENT }, bodyTimeout }
}

/**
 * @fastify/reply-from would open a client of its own. It is not asked for anything, and there is
 * nothing to end.
 *
 * @quirk reply-from-own-pools
 */
const NO_CLIENT = { request: Function.prototype, destroy: Function.prototype }

/** Asked for each request, since the application may set another at any time. */
const globalDispatcher: Pick<Dispatcher, 'dispatch'> = {
  dispatch: (options, handler) => getGlobalDispatcher().dispatch(options, handler)
}

function proxyOptions (proxy: unknown): { uri: string } {
  return typeof proxy === 'string' || proxy instanceof URL ? { uri: String(proxy) } : proxy as { uri: string }
}

/**
 * Options for TLS that verify the certificate, unless they say otherwise themselves.
 *
 * @quirk reply-from-unverified-tls
 */
function verified (tls: unknown): Options {
  return { rejectUnauthorized: true, ...optionsOf(tls) }
}

function optionsOf (value: unknown): Options {
  return typeof value === 'object' && value !== null ? value as Options : {}
}
