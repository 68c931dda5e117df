import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeft, Closing, Forbidden } from '../../errors.js'
import { isThenable } from '../../eventual.js'
import type { AuthorityTarget } from '../../fields/target.js'
import { asError } from '../../platform/as-error.js'
import { guarded, once } from '../../platform/guarded.js'
import { hasBegun } from '../../platform/has-begun.js'
import type { Access, Address } from '../../policy/target/access.js'
import type { Milliseconds } from '../../types.js'
import { logExchange } from '../exchange/access-log.js'
import type { Ending } from '../exchange/access-log.js'
import type { Exchange, Exchanges } from '../exchange/exchanges.js'
import { join } from '../exchange/join.js'
import type { JoinOptions, Side } from '../exchange/join.js'
import { received } from '../ingress/target-form.js'
import { addGateFields } from '../message/response-head.js'
import { dial } from '../upstream/dial.js'
import { upstreamError } from '../upstream/upstream-error.js'
import { connectOf } from './connect-request.js'
import type { Connect } from './connect-request.js'

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
  return (request: FastifyRequest, reply: FastifyReply): void => new Opening(request, reply, options).begin()
}

/** A tunnel on its way, from the verdict to the 200 or to a refusal. It ends once. */
class Opening {
  private readonly connect: Connect
  private readonly target: AuthorityTarget
  private readonly log: (ending: Ending) => void
  /** It stays while the tunnel stands, which keeps nothing of the request. */
  private readonly exchange: Exchange
  private readonly leave = () => this.fail(new ClientLeft('response'))
  private cancelDial: (() => void) | undefined
  private isOver = false

  constructor (
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly options: TunnelOptions
  ) {
    this.connect = connectOf(request.raw)!
    this.target = received(request.raw)!.target as AuthorityTarget
    this.log = logExchange(request, this.target.authority)
    this.exchange = { end: (why) => this.fail(why === 'closing' ? new Closing() : new Forbidden('access revoked')) }
  }

  /**
   * Policy first, then one resolution, then the dial: a refusal leaves no connection and no look-up
   * behind.
   */
  begin (): void {
    const { request: { proxyAuth }, options: { access, exchanges }, connect: { client }, target: { host, port } } = this
    exchanges.add(this.exchange, proxyAuth)
    once(client, 'close', this.leave)
    if (client.destroyed) return this.leave() // while a hook of the application took its time
    try {
      const addresses = access.approve({ host, port, scheme: 'connect' }, proxyAuth)
      if (!isThenable(addresses)) return this.dial(addresses)
      const failed = guarded((failure) => this.fail(failure), client)
      addresses.then(guarded((approved) => this.dial(approved), client), failed)
    } catch (failure) {
      this.fail(failure)
    }
  }

  private dial (addresses: readonly Address[]): void {
    if (this.isOver) return
    const done = (failure: Error | null, socket?: Socket) => {
      if (failure === null) this.open(socket!)
      else this.fail(upstreamError(failure))
    }
    try {
      this.cancelDial = dial(addresses, this.target.port, this.options, guarded(done, this.connect.client))
    } catch (failure) {
      this.fail(upstreamError(failure))
    }
  }

  private open (upstream: Socket): void {
    const { reply, connect, log, exchange, options } = this
    this.end()
    if (hasBegun(reply)) { // by a timeout of the application's
      upstream.destroy()
      options.exchanges.delete(exchange)
      return log({ status: reply.raw.statusCode, bytesIn: 0, bytesOut: 0 })
    }
    reply.hijack()
    const fields: string[] = []
    addGateFields(reply, fields)
    pass(connect.open(fields), connect, upstream, exchange, log, options)
  }

  /** What fails behind the end is of no interest. */
  private fail (cause: unknown): void {
    if (this.isOver) return
    this.end()
    this.cancelDial?.()
    const { reply, log, exchange, options, connect } = this
    const failure = asError(cause)
    const { statusCode = 500, code = 'error' } = failure as { statusCode?: number, code?: string }
    options.exchanges.delete(exchange)
    log({ status: statusCode, bytesIn: 0, bytesOut: 0, reason: code })
    if (!hasBegun(reply)) guarded(() => reply.send(failure), connect.client)()
  }

  private end (): void {
    this.isOver = true
    this.connect.client.removeListener('close', this.leave)
  }
}

/** Passes octets on until both sides have ended. */
function pass (
  client: Side, { head, whenEnded }: Connect, upstream: Socket, exchange: Exchange, log: (ending: Ending) => void,
  options: TunnelOptions
): void {
  const { exchanges } = options
  if (head.length > 0) upstream.write(head)
  const joined = join(client, upstream, options, (reason) => {
    exchanges.delete(exchange)
    log({ status: 200, bytesIn: upstream.bytesWritten, bytesOut: upstream.bytesRead, reason })
    whenEnded?.()
  })
  exchange.end = joined.end
}
