import { BadOption } from '../errors.js'
import { badOption, checkObject, readList } from '../check-option.js'
import type { ReverseRoute } from './options.js'
import type { Parents } from '../policy/parent/parents.js'
import { readParents } from '../policy/parent/read-parents.js'
import type { NamedParents } from '../policy/parent/read-parents.js'
import { IdentityField } from '../proxy/message/identity-field.js'
import type { IdentityOptions, RouteIdentity } from '../proxy/message/identity-field.js'
import { readReplyFields } from '../proxy/message/reply-fields.js'
import { readResponseHead } from '../proxy/upstream/response-head-limit.js'

type NameOf<Route> = Route extends unknown ? keyof Route : never

/**
 * Ours, those of @fastify/http-proxy and of @fastify/reply-from; the types of those two lack
 * `sessionTimeout`.
 */
const NAMES: Readonly<Record<NameOf<ReverseRoute> | 'sessionTimeout' | 'logLevel' | 'logSerializers', true>> = {
  prefix: true,
  upstream: true,
  rewritePrefix: true,
  proxyPayloads: true,
  preHandler: true,
  beforeHandler: true,
  preValidation: true,
  handler: true,
  preRewrite: true,
  config: true,
  replyOptions: true,
  routes: true,
  httpMethods: true,
  constraints: true,
  internalRewriteLocationHeader: true,
  websocket: true,
  wsUpstream: true,
  wsHooks: true,
  wsReconnect: true,
  wsClientOptions: true,
  wsServerOptions: true,
  base: true,
  cacheURLs: true,
  disableCache: true,
  http: true,
  http2: true,
  undici: true,
  balancedPoolOptions: true,
  contentTypesToEncode: true,
  retryMethods: true,
  maxRetriesOn503: true,
  disableRequestLogging: true,
  globalAgent: true,
  destroyAgent: true,
  sessionTimeout: true,
  logLevel: true,
  logSerializers: true,
  status: true,
  strategies: true,
  anonymous: true,
  parents: true,
  identity: true,
  forwarded: true,
  maxResponseHead: true,
  replyFields: true
}
const OPTIONS: ReadonlySet<string> = new Set(Object.keys(NAMES))
/** What @fastify/reply-from can send to: `unix+` is a socket in the file system. */
const UPSTREAM = /^(?:unix\+)?https?:\/\/./i

/**
 * Checks the names of all options of a route, and what @fastify/http-proxy would only stumble over.
 * The values of its own are its own to check.
 *
 * @throws {BadOption} A route is wrong.
 */
export function readReverse (reverse: readonly ReverseRoute[]): readonly ReverseRoute[] {
  const routes = readList(reverse, 'reverse')
  routes.forEach(checkRoute)
  return routes
}

function checkRoute (route: ReverseRoute, index: number): void {
  const option = `reverse[${index}]`
  const {
    upstream, replyOptions, status = 407, strategies, anonymous = false, forwarded = true, maxResponseHead
  } = checkObject(route, option, OPTIONS)
  if (strategies !== undefined) readList(strategies, `${option}.strategies`, 1)
  checkUpstream(upstream, `${option}.upstream`, replyOptions?.getUpstream !== undefined)
  readReplyFields(route.replyFields, `${option}.replyFields`)
  if (typeof anonymous !== 'boolean') throw badOption(`${option}.anonymous`, 'true or false', anonymous)
  if (typeof forwarded !== 'boolean') throw badOption(`${option}.forwarded`, 'true or false', forwarded)
  readResponseHead(maxResponseHead, `${option}.maxResponseHead`)
  if (status !== 407 && status !== 401) throw badOption(`${option}.status`, '407 or 401', status)
}

/**
 * A list is for more than one upstream; where a function chooses it for each request, none need be
 * there.
 */
function checkUpstream (upstream: unknown, option: string, chosen: boolean): void {
  if (chosen && (upstream === undefined || upstream === '')) return
  const urls: readonly unknown[] = Array.isArray(upstream) && upstream.length > 0 ? upstream : [upstream]
  for (const url of urls) {
    if (typeof url !== 'string') throw badOption(option, 'a URL with http:// or https://', url)
    if (!UPSTREAM.test(url)) throw new BadOption(option, 'a URL with http:// or https://', 'text that begins with neither')
    if (!URL.canParse(url)) throw new BadOption(option, 'a URL with http:// or https://', 'text that is no URL')
  }
}

/** Who tells what to which upstream. */
export interface Identities {
  /** What tells the upstream who the user is, for each route. */
  readonly identities: readonly RouteIdentity[]
  /** All fields that do so. */
  readonly identityFields: readonly IdentityField[]
}

/**
 * Checks the option `identity`, and that of each route.
 *
 * @throws {BadOption} One is wrong.
 */
export function readIdentities (identity: IdentityOptions | undefined, reverse: readonly ReverseRoute[]): Identities {
  const usual = identity === undefined ? null : new IdentityField(identity, 'identity')
  const ofRoutes = reverse.map((route, index) => {
    if (route.identity === false) return null
    return route.identity === undefined ? usual : new IdentityField(route.identity, `reverse[${index}].identity`)
  })
  const all = Object.freeze([...new Set([usual, ...ofRoutes])].filter((field) => field !== null))
  return { identities: Object.freeze(ofRoutes.map((own) => Object.freeze({ own, all }))), identityFields: all }
}

/**
 * Reads the parents of each route; `undefined`: its upstream is reached directly.
 *
 * @param forward - Those of the forward proxy, which routes may name.
 * @throws {BadOption} They are wrong.
 */
export function readRouteParents (
  reverse: readonly ReverseRoute[], forward: NamedParents | undefined
): ReadonlyArray<Parents | undefined> {
  return Object.freeze(reverse.map(({ parents }, index) =>
    parents === undefined ? undefined : readParents(parents, `reverse[${index}].parents`, forward)))
}
