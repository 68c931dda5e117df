import { Agent, Dispatcher, ProxyAgent, getGlobalDispatcher } from 'undici'
import type { Milliseconds } from '../../types.js'
import { PINNED_IDLE } from '../upstream/pinned-connections.js'
import { RESPONSE_HEAD } from '../upstream/response-head-limit.js'
import { createReverseClient } from './client.js'
import type { ReverseClient } from './client.js'
import type { ReverseRoute } from './route.js'
import { createConnector } from '../upstream/connector.js'

/** How the upstream of a route is reached, in terms of the options of @fastify/reply-from. */
export interface ReverseUpstream {
  /** `undici`, `http` and `http2`, as far as they are set. */
  readonly options: Record<string, unknown>
  /** False when the answers come from a client that tells neither interim answers nor the lines as received. */
  readonly ours: boolean
  /** The version of the answers, as `Via` has it. */
  readonly version: '1.1' | '2.0'
  /** How long a silence within a body may be, on the client's side as on the upstream's. */
  readonly patience: Milliseconds
  /** Ends what was opened here. What the options brought along is theirs. */
  close (): Promise<void>
}

/** As @fastify/reply-from has them. */
const POOL = { pipelining: 1, connections: 128 }

/** The longest silence of an upstream, as undici has it. */
export const SILENCE: Milliseconds = 300_000

type Options = Record<string, unknown>

/**
 * Chooses the client of a route. Where the options leave it to undici, undici is driven by us, with the options'
 * settings; other clients stay as they are. Certificates of the upstream are verified unless the options say
 * `rejectUnauthorized: false` themselves; the default of @fastify/http-proxy is not to look.
 */
export function chooseUpstream (route: ReverseRoute): ReverseUpstream {
  const { http, http2, undici, globalAgent, upstream, maxResponseHead: maxHeaderSize = RESPONSE_HEAD } = route as Omit<ReverseRoute, 'undici' | 'http' | 'http2'> & Record<'undici' | 'http' | 'http2', unknown>
  if (http2) {
    const settings = optionsOf(http2)
    return theirs({ http2: { ...settings, sessionOptions: verified(settings['sessionOptions']) } }, '2.0')
  }
  if (http || undici === false) {
    const settings = optionsOf(http)
    return theirs({ undici: false, http: { ...settings, requestOptions: { maxHeaderSize, ...verified(settings['requestOptions']) } } })
  }
  if (undici instanceof Dispatcher) return driven(createReverseClient(undici), async () => {})
  const settings = optionsOf(undici)
  if (typeof settings['request'] === 'function') return theirs({ undici })
  // Of several upstreams, or of a unix socket, @fastify/reply-from makes pools of its own whatever it is given.
  if (Array.isArray(upstream) || upstream.startsWith('unix+')) return theirs({ undici: { maxHeaderSize, ...settings, tls: verified(settings['tls']) } })
  if (globalAgent) return driven(createReverseClient(globalDispatcher), async () => {})
  const { proxy, ...rest } = settings
  const open = (pool: Options) => proxy === undefined ? new Agent({ ...POOL, maxHeaderSize, ...rest, ...pool, connect: createConnector(rest) }) : new ProxyAgent({ ...POOL, maxHeaderSize, ...proxyOptions(proxy), ...rest, ...pool })
  const client = createReverseClient(open({}), () => open({ connections: 1, keepAliveTimeout: PINNED_IDLE }), {
    headersTimeout: (settings['headersTimeout'] ?? SILENCE) as Milliseconds,
    // Others begin a connection with octets of their own: it would look like one that has served a request.
    repeats: proxy === undefined && settings['allowH2'] !== true && settings['factory'] === undefined
  })
  return driven(client, async () => client.destroy(), settings['bodyTimeout'] as Milliseconds | undefined)
}

function theirs (options: Options, version: '1.1' | '2.0' = '1.1'): ReverseUpstream {
  return { options, ours: false, version, patience: SILENCE, close: async () => {} }
}

function driven (client: ReverseClient, close: () => Promise<void>, patience: Milliseconds = SILENCE): ReverseUpstream {
  return { options: { undici: client }, ours: true, version: '1.1', patience, close }
}

/** Asked for each request, since the application may set another at any time. */
const globalDispatcher: Pick<Dispatcher, 'dispatch' | 'destroy'> = {
  dispatch: (options, handler) => getGlobalDispatcher().dispatch(options, handler),
  destroy: async () => {}
}

function proxyOptions (proxy: unknown): { uri: string } {
  return typeof proxy === 'string' || proxy instanceof URL ? { uri: String(proxy) } : proxy as { uri: string }
}

function verified (tls: unknown): Options {
  return { rejectUnauthorized: true, ...optionsOf(tls) }
}

function optionsOf (value: unknown): Options {
  return typeof value === 'object' && value !== null ? value as Options : {}
}
