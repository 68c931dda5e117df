import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeft, Closing, Forbidden } from '../../errors.js'
import type { AbsoluteTarget } from '../../fields/target.js'
import { formatVia } from '../../fields/via.js'
import type { Access } from '../../policy/target/access.js'
import type { Milliseconds } from '../../types.js'
import type { Exchanges } from '../exchange/exchanges.js'
import type { IdentityField } from '../message/identity-field.js'
import { respondAsLast, isLastRecipient } from '../message/max-forwards.js'
import type { JoinOptions } from '../exchange/join.js'
import type { OriginClient } from '../upstream/origin-client.js'
import { requestFields } from './request-head.js'
import { logExchange } from '../exchange/access-log.js'
import { Relay } from './relay.js'
import { deleteWhenRequestEnds } from '../exchange/release.js'
import { isGone } from '../../platform/abort.js'
import { received } from '../ingress/target-form.js'
import { protocolsOf } from '../message/upgrade.js'
import { requestContent } from '../message/upload.js'

/** Those of {@link JoinOptions} are for what an upgrade leads to. */
export interface ForwardOptions extends JoinOptions {
  readonly access: Access
  readonly client: OriginClient
  readonly exchanges: Exchanges
  /** How long the client may send nothing of its content, or take nothing of the answer's. 0: as long as it likes. */
  readonly bodyTimeout: Milliseconds
  /** Our name in `Via`. */
  readonly pseudonym: string
  /** The fields that tell upstreams of reverse routes who a user is. Default none. */
  readonly identities?: readonly IdentityField[] | undefined
}

/**
 * The handler of absolute-form: policy, strip, send, relay. What the client sent reaches the origin as sent, less
 * what belongs to this hop; what the origin answers reaches the client likewise.
 */
export function createForward (options: ForwardOptions) {
  const { access, client, exchanges, bodyTimeout, pseudonym, identities } = options
  const via = formatVia('1.1', pseudonym)

  return async function forward (request: FastifyRequest, reply: FastifyReply): Promise<void | FastifyReply> {
    const { raw } = request
    const target = received(raw)!.target as AbsoluteTarget
    if (isLastRecipient(request)) return respondAsLast(request, reply)
    const { scheme, host, port, authority } = target
    const tally = { bytesIn: 0 }
    const relay = new Relay(reply, via, bodyTimeout, options)
    const end = logExchange(request, `${scheme}://${authority}`)
    exchanges.add(relay, request.proxyAuth)
    try {
      const fields = requestFields(raw, authority, pseudonym, identities)
      const admitted = access.admit({ scheme, host, port }, request.proxyAuth)
      const approved = access.resolve('then' in admitted ? await admitted : admitted)
      const addresses = 'then' in approved ? await approved : approved
      const content = requestContent(raw, tally, bodyTimeout, request.body)
      if (!isGone(reply.raw)) {
        const requester = { raw, name: request.proxyAuth!.name }
        client.send({ target, addresses, method: raw.method!, fields, content, tally: content === null ? undefined : tally, upgrade: protocolsOf(raw), requester }, relay)
      }
      await relay.settled
      if (!reply.sent) throw unanswered(relay.reason)
      end({ status: reply.raw.statusCode, bytesIn: relay.bytesIn ?? tally.bytesIn, bytesOut: relay.bytesOut, reason: relay.reason })
    } catch (failure) {
      // What was cut while a name was resolved has no interest in what came of that.
      const error = relay.reason === undefined ? failure : unanswered(relay.reason)
      const { statusCode, code } = error as { statusCode: number, code: string }
      end({ status: statusCode, bytesIn: tally.bytesIn, bytesOut: 0, reason: code })
      throw error
    } finally {
      deleteWhenRequestEnds(exchanges, relay, raw)
    }
  }
}

/** What the log says of a request that was cut before an answer went out. */
function unanswered (reason: string | undefined): Error {
  if (reason === 'closing') return new Closing()
  return reason === 'revoked' ? new Forbidden('access revoked') : new ClientLeft('response')
}
