import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeft } from '../../errors.js'
import { after, isThenable } from '../../eventual.js'
import { valuesOf } from '../../fields/raw-list.js'
import type { AuthorityTarget } from '../../fields/target.js'
import { formatVia } from '../../fields/via.js'
import { asError } from '../../platform/as-error.js'
import { guarded, once } from '../../platform/guarded.js'
import { hasBegun } from '../../platform/message-state.js'
import { leaveCause } from '../../platform/http1/refusal-cause.js'
import type { Permissions } from '../../policy/permission/permissions.js'
import type { Access, Address } from '../../policy/target/access.js'
import type { Milliseconds } from '../../types.js'
import { failureOf } from '../exchange/ended.js'
import type { Exchange, MovedOctets } from '../exchange/exchange.js'
import type { Exchanges } from '../exchange/exchanges.js'
import { join } from '../exchange/join.js'
import type { JoinOptions, Side } from '../exchange/join.js'
import { ExchangeRecord, endingBy } from '../exchange/record.js'
import { received } from '../ingress/target-form.js'
import { refuseLoop } from '../message/forwarded-request.js'
import { addGateFields } from '../message/response-head.js'
import { openByWays } from '../parent/connect/open-by-ways.js'
import type { WayOpened, WaysOptions } from '../parent/connect/open-by-ways.js'
import { dial } from '../upstream/dial.js'
import type { Dialled } from '../upstream/dial.js'
import { upstreamError } from '../upstream/upstream-error.js'
import { connectOf } from './connect-request.js'
import type { Connect } from './connect-request.js'

export interface TunnelOptions extends JoinOptions {
  readonly access: Pick<Access, 'approve'>
  readonly exchanges: Exchanges
  readonly connectTimeout: Milliseconds
  readonly localAddress?: string | undefined
  /** Our name in `Via`. */
  readonly pseudonym: string
  /** The ways by parents, in the place of `access` and the addresses it gives. */
  readonly ways?: WaysOptions | undefined
  /** Rules and a function that have to permit each tunnel. */
  readonly permissions?: Permissions | undefined
}

/**
 * The handler of CONNECT: policy, dial, 200, two pipes (RFC 9110, 9.3.6). Where there are parents
 * the connection may be by one of those. The 200 goes out when the
 * target has answered, as exactly that status and without framing, because most clients take
 * nothing else.
 */
export function createTunnel (options: TunnelOptions) {
  return (request: FastifyRequest, reply: FastifyReply): void => new Opening(request, reply, options).begin()
}

/** A tunnel among the exchanges. */
interface TunnelExchange extends Exchange {
  readonly record: ExchangeRecord
  octets: (() => MovedOctets) | undefined
}

/** A tunnel on its way, from the verdict to the 200 or to a refusal. It ends once. */
class Opening {
  private readonly connect: Connect
  private readonly target: AuthorityTarget
  private readonly record: ExchangeRecord
  /** It stays while the tunnel stands, which keeps nothing of the request. */
  private readonly exchange: TunnelExchange
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
    this.record = new ExchangeRecord(request, { form: 'connect', target: this.target }, options.exchanges.usage)
    this.exchange = { record: this.record, octets: undefined, end: (why) => this.fail(failureOf(why)) }
  }

  /**
   * Policy first, then one resolution, then the dial: a refusal leaves no connection and no look-up
   * behind.
   */
  begin (): void {
    const { request, options, connect: { client }, target: { host, port } } = this
    const { proxyAuth, raw } = request
    const { access, exchanges, pseudonym, ways, permissions } = options
    exchanges.add(this.exchange, proxyAuth)
    once(client, 'close', this.leave)
    if (client.destroyed) return this.leave() // while a hook of the application took its time
    try {
      refuseLoop(raw, pseudonym)
      const permit = permissions?.permit(request, { form: 'connect', method: 'CONNECT', host, port })
      this.record.permit = permit
      if (ways !== undefined) return this.goBy(ways)
      const approved = access.approve({ host, port, scheme: 'connect' }, proxyAuth, permit)
      const dialled = after(approved, (addresses) => after(exchanges.admit(this.exchange), () => this.dial(addresses)))
      if (isThenable(dialled)) dialled.then(undefined, guarded((failure) => this.fail(failure), client))
    } catch (failure) {
      this.fail(failure)
    }
  }

  private dial (addresses: readonly Address[]): void {
    if (this.isOver) return
    const done: Dialled = (failure, socket, address) => {
      if (failure === null) this.open(socket!, { address, parent: undefined })
      else this.fail(upstreamError(failure))
    }
    try {
      this.cancelDial = dial(addresses, this.target.port, this.options, guarded(done, this.connect.client))
    } catch (failure) {
      this.fail(upstreamError(failure))
    }
  }

  private goBy (ways: WaysOptions): void {
    const { request: { proxyAuth, raw }, target: { host, port }, exchange, options: { exchanges, pseudonym } } = this
    const { permit } = exchange.record
    const target = { host, port, scheme: 'connect' } as const
    const admit = () => exchanges.admit(exchange)
    const asked = { target, identity: proxyAuth!, permit, admit, raw, fields: fieldsForParent(raw, pseudonym) }
    const done: WayOpened = (failure, socket, parent, address) => {
      if (failure === null) this.open(socket!, { address, parent: parent?.name })
      else this.fail(failure)
    }
    this.cancelDial = openByWays(asked, ways, guarded(done, this.connect.client))
  }

  private open (upstream: Socket, { address, parent }: Pick<ExchangeRecord, 'address' | 'parent'>): void {
    const { reply, connect, record, exchange, options } = this
    this.end()
    record.address = address
    record.parent = parent
    if (hasBegun(reply)) { // by a timeout of the application's
      upstream.destroy()
      options.exchanges.delete(exchange)
      return record.close({ status: reply.raw.statusCode, bytesIn: 0, bytesOut: 0 })
    }
    record.open()
    reply.hijack()
    const fields: string[] = []
    addGateFields(reply, fields)
    pass(connect.open(fields), connect, upstream, exchange, options)
  }

  /** What fails behind the end is of no interest. */
  private fail (cause: unknown): void {
    if (this.isOver) return
    this.end()
    this.cancelDial?.()
    const { reply, record, exchange, options, connect } = this
    const failure = asError(cause)
    options.exchanges.delete(exchange)
    leaveCause(reply.raw, failure)
    record.close({ ...endingBy(failure), bytesIn: 0, bytesOut: 0 })
    if (!hasBegun(reply)) guarded(() => reply.send(failure), connect.client)()
  }

  private end (): void {
    this.isOver = true
    this.connect.client.removeListener('close', this.leave)
  }
}

/** Passes octets on until both sides have ended. */
function pass (
  client: Side, { head, whenEnded }: Connect, upstream: Socket, exchange: TunnelExchange, options: TunnelOptions
): void {
  const { exchanges } = options
  // What a parent was asked and has said is not the target's; what that has said may be here.
  const { bytesWritten, bytesRead, readableLength } = upstream
  exchange.octets = () => ({
    bytesIn: upstream.bytesWritten - bytesWritten, bytesOut: upstream.bytesRead - bytesRead + readableLength
  })
  const joined = join(client, upstream, options, (reason) => {
    exchanges.delete(exchange)
    exchange.record.close({ status: 200, ...exchange.octets!(), reason })
    whenEnded?.()
  }, { head, meter: exchange.admission?.meter })
  exchange.octets = joined.octets ?? exchange.octets
  exchange.end = joined.end
}

/**
 * What a parent gets of the fields of a CONNECT: the way it has come, with us at its end, and what
 * the client calls itself, which proxies in companies go by. All else is for us.
 */
function fieldsForParent ({ rawHeaders, httpVersion }: IncomingMessage, pseudonym: string): string[] {
  const via = [...valuesOf(rawHeaders, 'via'), formatVia(httpVersion, pseudonym)].join(', ')
  return ['Via', via, ...valuesOf(rawHeaders, 'user-agent').slice(0, 1).flatMap((value) => ['User-Agent', value])]
}
