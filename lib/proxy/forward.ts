import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeft } from '../errors.js'
import type { AbsoluteTarget } from '../fields/target.js'
import { formatVia } from '../fields/via.js'
import type { Access } from '../policy/access.js'
import { contentOf } from './content.js'
import type { Exchanges } from './exchanges.js'
import { answerAsLast, isLastRecipient } from './max-forwards.js'
import type { OriginClient } from './origin-client.js'
import { prepare } from './prepare.js'
import { record } from './record.js'
import { Relay } from './relay.js'
import { receive } from './target-form.js'

export interface ForwardOptions {
  readonly access: Access
  readonly client: OriginClient
  readonly exchanges: Exchanges
  /** Our name in `Via`. */
  readonly pseudonym: string
}

/**
 * The handler of absolute-form: policy, strip, send, relay. What the client sent reaches the origin as sent, less
 * what belongs to this hop; what the origin answers reaches the client likewise.
 */
export function createForward ({ access, client, exchanges, pseudonym }: ForwardOptions) {
  const via = formatVia('1.1', pseudonym)

  return async function forward (request: FastifyRequest, reply: FastifyReply): Promise<void | FastifyReply> {
    const { raw } = request
    const target = receive(raw)!.target as AbsoluteTarget
    if (isLastRecipient(request)) return answerAsLast(request, reply)
    const { scheme, host, port, authority } = target
    const fields = prepare(raw, authority, pseudonym)
    const tally = { bytesIn: 0 }
    const relay = new Relay(reply, via)
    const end = record(request, `${scheme}://${authority}`)
    exchanges.add(relay)
    try {
      const addresses = await access.resolve(await access.admit({ scheme, host, port }, request.proxyAuth))
      client.send({ target, addresses, method: raw.method!, fields, content: contentOf(raw, tally) }, relay)
      await relay.settled
      if (!reply.sent) throw new ClientLeft()
      end({ status: reply.raw.statusCode, bytesIn: tally.bytesIn, bytesOut: relay.bytesOut, reason: relay.reason })
    } catch (error) {
      const { statusCode, code } = error as { statusCode: number, code: string }
      end({ status: statusCode, bytesIn: tally.bytesIn, bytesOut: 0, reason: code })
      throw error
    } finally {
      exchanges.delete(relay)
    }
  }
}
