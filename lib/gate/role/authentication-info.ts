import type { FastifyReply } from 'fastify'
import { formatAuthenticationInfo } from '../../fields/authentication-info.js'
import { formatChallenge } from '../../fields/challenge.js'
import type { Challenge } from '../../fields/challenge.js'
import { GATE_FIELDS } from '../../fields/spelling.js'
import { spellFields } from '../../platform/http1/spell-fields.js'
import { PROXY } from './role.js'
import type { Role } from './role.js'

type Params = Readonly<Record<string, string>>

const kInfo = Symbol('fastify-proxy-auth.info')
const kMode = Symbol('fastify-proxy-auth.mode')
type Informed = FastifyReply & { [kInfo]?: Partial<Record<Role['status'], Params>>, [kMode]?: Role }

/** What a strategy hands over in `success(user, info)` for the answer. */
interface InfoWithParams {
  readonly proxyAuthenticationInfo?: Params
  /** The last token of a handshake, for the client to see whom it talks to (RFC 4559, 4.1). */
  readonly proxyAuthenticate?: Challenge
}

/**
 * What is added to this response from here on belongs into the field of `mode`: the route is an
 * origin, not a proxy.
 */
export function respondAs (reply: FastifyReply, mode: Role): void {
  ;(reply as Informed)[kMode] = mode
}

/**
 * Adds parameters to the `Proxy-Authentication-Info` of an answer, or to the `Authentication-Info`
 * where the route is an origin. On a 407 the field does not go out (RFC 9110, 11.7.3: after the
 * credentials were accepted).
 *
 * @throws {NotRepresentable} A value cannot be sent.
 */
export function addAuthenticationInfo (
  reply: FastifyReply, params: Params, mode = (reply as Informed)[kMode] ?? PROXY
): void {
  const value = authenticationInfo(reply, mode, params)
  if (value === undefined) return
  const informed = reply as Informed
  const { status } = mode
  informed[kInfo] = { ...informed[kInfo], [status]: { ...informed[kInfo]?.[status], ...params } }
  reply.header(mode.info, value)
  spellFields(reply.raw, GATE_FIELDS)
}

/**
 * What {@link addAuthenticationInfo} has added so far, as the field has it.
 *
 * @param params - Others, in place of those added.
 * @returns `undefined` when there is nothing to say.
 */
export function authenticationInfo (reply: FastifyReply, { status }: Role, params: Params = {}): string | undefined {
  const value = formatAuthenticationInfo({ ...(reply as Informed)[kInfo]?.[status], ...params })
  return value === '' ? undefined : value
}

/** Takes back what {@link addAuthenticationInfo} has added, and nothing that another has. */
export function dropAuthenticationInfo (reply: FastifyReply): void {
  if ((reply as Informed)[kInfo]?.[PROXY.status] !== undefined) reply.removeHeader(PROXY.info)
}

/** Takes over what the strategy says, if it says something. */
export function addStrategyInfo (reply: FastifyReply, info: unknown, mode: Role): void {
  const params = (info as InfoWithParams | null)?.proxyAuthenticationInfo
  if (typeof params === 'object' && params !== null) addAuthenticationInfo(reply, params, mode)
}

/**
 * Puts the last token of a handshake on the answer, in the field of the challenges, whatever its
 * status.
 *
 * @throws {NotRepresentable} It cannot be sent.
 */
export function addFinalToken (reply: FastifyReply, info: unknown, mode: Role): void {
  const token = (info as InfoWithParams | null)?.proxyAuthenticate
  if (typeof token !== 'object' || token === null) return
  reply.header(mode.challenge, formatChallenge(token))
  spellFields(reply.raw, GATE_FIELDS)
}
