import type { FastifyReply, FastifyRequest } from 'fastify'
import { after } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { AbsoluteTarget } from '../../fields/target.js'
import { valuesOf } from '../../fields/raw-list.js'
import { formatVia, viaByVersion } from '../../fields/via.js'
import { isGone } from '../../platform/message-state.js'
import { isOfOneUser } from '../../platform/connection.js'
import type { Permissions } from '../../policy/permission/permissions.js'
import type { PolicyForm } from '../../policy/rules/document.js'
import type { Access, Address } from '../../policy/target/access.js'
import { received } from '../ingress/target-form.js'
import { withoutIdentities } from '../message/identity-field.js'
import type { IdentityField } from '../message/identity-field.js'
import { isLastRecipient, respondAsLast } from '../message/max-forwards.js'
import { refuseLoop, requestContent, requestFields } from '../message/forwarded-request.js'
import { protocolsOf } from '../message/upgrade.js'
import { Relay } from '../relay/relay.js'
import type { RelayOptions } from '../relay/relay.js'
import type { OriginClient } from '../upstream/origin-client.js'
import type { ByParents, Forwarded } from './by-parents.js'

/** `bodyTimeout`: how long the client may send nothing of its content, too. */
export interface ForwardHandlerOptions extends Omit<RelayOptions, 'via'> {
  readonly access: Pick<Access, 'approve'>
  readonly client: OriginClient
  /** Sends by parents, if there are any, in the place of `access` and `client`. */
  readonly byParents?: Pick<ByParents, 'send'> | undefined
  /** Our name in `Via`. */
  readonly pseudonym: string
  /** The fields that tell upstreams of reverse routes who a user is. Default none. */
  readonly identities?: readonly IdentityField[] | undefined
  /** Whether the log has the path of a request. Default: it has not. */
  readonly logsPaths?: boolean | undefined
  /** Rules and a function that have to permit each request. */
  readonly permissions?: Permissions | undefined
}

/**
 * What is sent in the place of the client's: the target's authority, whatever Host said (RFC 9112,
 * 3.2.2).
 */
const REPLACED = new Set(['host'])

/**
 * The handler of absolute-form: policy, strip, send, relay. What the client sent reaches the origin
 * as sent, less what belongs to this hop; what the origin answers reaches the client likewise.
 */
export function createForward (options: ForwardHandlerOptions) {
  const {
    access, client, byParents, bodyTimeout, pseudonym, identities = [], logsPaths = false, permissions
  } = options
  const via = viaByVersion(pseudonym)
  const relayOptions = { ...options, via: via['1.1']! }

  return function forward (request: FastifyRequest, reply: FastifyReply): void {
    const { raw } = request
    const target = received(raw)!.target as AbsoluteTarget
    if (request.headers['max-forwards'] !== undefined && isLastRecipient(request)) return respondAsLast(request, reply)
    const upgrade = protocolsOf(raw)
    const form: PolicyForm = upgrade === undefined ? target.scheme : 'websocket'
    const recorded = { form, target, path: logsPaths ? target.path : undefined }
    const relay = new Relay(reply, recorded, relayOptions, tellOfSession)

    const outgoing = (fields: string[]): Forwarded['outgoing'] => {
      const content = requestContent(raw, relay.tally, bodyTimeout, request.body)
      const requester = { raw, name: request.proxyAuth!.name }
      const tally = content === null ? undefined : relay.tally
      return { target, method: raw.method!, fields, content, tally, upgrade, requester, trail: relay.record }
    }

    const send = (addresses: readonly Address[], fields: string[]): Eventual<void> => after(relay.admit(), () => {
      if (!isGone(reply.raw)) client.send({ ...outgoing(fields), addresses }, relay)
    })

    relay.begin(() => {
      refuseLoop(raw, pseudonym)
      const { host, port, path } = target
      const offer = upgrade === undefined ? {} : { upgradeOf: target.scheme }
      const permit = permissions?.permit(request, { form, ...offer, method: raw.method!, host, port, path })
      relay.record.permit = permit
      const kept = requestFields(raw, REPLACED)
      const fields = identities.length === 0 ? kept : withoutIdentities(kept, identities)
      fields.push('Host', target.authority, 'Via', via[raw.httpVersion] ?? formatVia(raw.httpVersion, pseudonym))
      if (byParents !== undefined) {
        const identity = request.proxyAuth!
        return byParents.send({ outgoing: outgoing(fields), identity, permit, response: reply.raw, relay })
      }
      return after(access.approve(target, request.proxyAuth, permit), (addresses) => send(addresses, fields))
    })
  }
}

const CONNECTION_SCHEMES = /(?:^|,) *(?:NTLM|Negotiate)\b/i

/**
 * Tells a client whose connection has one to the origin for itself that it has, where the origin
 * asks to authenticate the connection. Clients that know of it then answer NTLM and Negotiate
 * through a proxy. The field is about our hop.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4559#section-6 RFC 4559, 6}
 */
export function tellOfSession (fields: string[], status: number, { raw, request }: FastifyReply): string[] {
  const asks = status === 401 && valuesOf(fields, 'www-authenticate').some((challenges) => CONNECTION_SCHEMES.test(challenges))
  if (!asks || !isOfOneUser(request.raw)) return fields
  // Where `Connection` is written already, node neither adds `close` nor closes.
  fields.push('Proxy-Support', 'Session-Based-Authentication', 'Connection', raw.shouldKeepAlive ? 'Proxy-Support' : 'Proxy-Support, close')
  return fields
}
