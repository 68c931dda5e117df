import type { FastifyRequest } from 'fastify'
import type { FieldRecord } from '../fields/hop-by-hop.js'
import { addForwardedFields } from './forwarded-fields.js'
import { tellIdentity } from './identity-field.js'
import { lasting, withVia } from './reverse-request.js'
import type { RequestHeadRules } from './reverse-request.js'
import type { ReverseRoute } from './reverse.js'

type Rewrite = (headers: FieldRecord, request: FastifyRequest) => FieldRecord

/** What the upstream of a WebSocket is told of the request, where the options say nothing themselves. */
const ON_BEHALF = ['cookie', 'authorization'] as const

/**
 * The options for WebSockets: the upstream gets what an upstream of requests gets. By itself @fastify/http-proxy passes
 * on the cookies and nothing else.
 */
export function webSocketOptions (route: ReverseRoute, rules: RequestHeadRules): object {
  if (route.websocket !== true) return {}
  const { wsClientOptions, wsReconnect } = route
  const { rewriteRequestHeaders } = (wsClientOptions ?? {}) as { rewriteRequestHeaders?: Rewrite }
  const rewrite = rewriteRequestHeaders ?? onBehalf
  return {
    ...(wsReconnect !== undefined && { wsReconnect: { ...wsReconnect } }), // it gets defaults written in
    wsClientOptions: {
      ...wsClientOptions,
      rewriteRequestHeaders (headers: FieldRecord, request: FastifyRequest) {
        const head = { ...headers }
        if (rules.forwarded) addForwardedFields(head, request)
        const lasts = lasting(rewrite(head, request), rules.consumed)
        tellIdentity(lasts, request, rules.identity)
        return withVia(lasts, request.raw, rules.pseudonym)
      }
    }
  }
}

function onBehalf (headers: FieldRecord, request: FastifyRequest): FieldRecord {
  const head = { ...headers }
  for (const name of ON_BEHALF) if (request.headers[name] !== undefined) head[name] = request.headers[name]
  return head
}
