import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeft, Closing, Forbidden } from '../../errors.js'
import type { AuthorityTarget } from '../../fields/target.js'
import { once } from '../../platform/guarded.js'
import type { Access } from '../../policy/target/access.js'
import type { Milliseconds } from '../../types.js'
import { addGateFields } from '../message/response-head.js'
import { connectOf } from './connect-request.js'
import { dial } from '../upstream/dial.js'
import type { Exchange, Exchanges } from '../exchange/exchanges.js'
import { join } from '../exchange/join.js'
import type { JoinOptions } from '../exchange/join.js'
import { logExchange } from '../exchange/access-log.js'
import { received } from '../ingress/target-form.js'
import { upstreamError } from '../upstream/upstream-error.js'

export interface TunnelOptions extends JoinOptions {
  readonly access: Pick<Access, 'approve'>
  readonly exchanges: Exchanges
  readonly connectTimeout: Milliseconds
  readonly localAddress?: string | undefined
}

/**
 * The handler of CONNECT: policy, dial, 200, two pipes (RFC 9110, 9.3.6). The 200 goes out when the
 * target has answered, as exactly that status and without framing, because most clients take
 * nothing else.
 */
export function createTunnel (options: TunnelOptions) {
  const { access, exchanges } = options

  return async function tunnel (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const connect = connectOf(request.raw)!
    const { client, head } = connect
    const target = received(request.raw)!.target as AuthorityTarget
    const end = logExchange(request, target.authority)
    const gone = new AbortController()
    const leave = () => gone.abort(new ClientLeft('response'))
    const exchange: Exchange = { end: (why) => gone.abort(why === 'closing' ? new Closing() : new Forbidden('access revoked')) }
    exchanges.add(exchange, request.proxyAuth)
    once(client, 'close', leave)
    if (client.destroyed) leave() // while a hook of the application took its time
    let upstream: Socket
    try {
      const { host, port } = target
      // Policy first, then one resolution, then the dial: a refusal leaves no connection and no
      // look-up behind.
      const addresses = await access.approve({ host, port, scheme: 'connect' }, request.proxyAuth)
      upstream = await dial(addresses, port, { ...options, signal: gone.signal })
        .catch((cause) => { throw upstreamError(cause) })
      if (gone.signal.aborted) throw upstream.destroy() && gone.signal.reason // as the target answered
    } catch (failure) {
      // Who has left, or was sent away, does not learn what failed later.
      const error: unknown = gone.signal.aborted ? gone.signal.reason : failure
      const { statusCode, code } = error as { statusCode: number, code: string }
      exchanges.delete(exchange)
      end({ status: statusCode, bytesIn: 0, bytesOut: 0, reason: code })
      throw error
    } finally {
      client.removeListener('close', leave)
    }

    if (reply.sent) { // by a timeout of the application's
      upstream.destroy()
      exchanges.delete(exchange)
      end({ status: reply.raw.statusCode, bytesIn: 0, bytesOut: 0 })
      return reply
    }
    reply.hijack()
    const fields: string[] = []
    addGateFields(reply, fields)
    const opened = connect.open(fields)
    if (head.length > 0) upstream.write(head)
    const { whenEnded } = connect
    const joined = join(opened, upstream, options, (reason) => {
      exchanges.delete(exchange)
      end({ status: 200, bytesIn: upstream.bytesWritten, bytesOut: upstream.bytesRead, reason })
      whenEnded?.()
    })
    exchange.end = joined.end
    return reply
  }
}
