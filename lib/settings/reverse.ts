import { badOption, isObject, readList } from '../option.js'
import type { ReverseRoute } from '../options.js'
import { IdentityField } from '../proxy/identity-field.js'
import type { IdentityOptions, RouteIdentity } from '../proxy/identity-field.js'
import { readResponseHead } from '../proxy/response-head.js'

/**
 * Checks what @fastify/http-proxy would only stumble over. Its other options are its own to check.
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
  if (!isObject(route)) throw badOption(option, 'an object', route)
  const { upstream, replyOptions, status = 407, strategies, anonymous = false, forwarded = true, maxResponseHead } = route
  if (strategies !== undefined) readList(strategies, `${option}.strategies`, 1)
  if (typeof upstream !== 'string' && !Array.isArray(upstream) && replyOptions?.getUpstream === undefined) {
    throw badOption(`${option}.upstream`, 'a URL', upstream)
  }
  if (typeof anonymous !== 'boolean') throw badOption(`${option}.anonymous`, 'true or false', anonymous)
  if (typeof forwarded !== 'boolean') throw badOption(`${option}.forwarded`, 'true or false', forwarded)
  readResponseHead(maxResponseHead, `${option}.maxResponseHead`)
  if (status !== 407 && status !== 401) throw badOption(`${option}.status`, '407 or 401', status)
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
  const all = Object.freeze([...new Set([usual, ...ofRoutes])].filter(field => field !== null))
  return { identities: Object.freeze(ofRoutes.map(own => Object.freeze({ own, all }))), identityFields: all }
}
