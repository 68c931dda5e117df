import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import { valuesOf } from '../../fields/raw-list.js'
import { ClientLeft, UpstreamProtocol } from '../../errors.js'
import { endToEnd } from '../../fields/hop-by-hop.js'
import { acceptedProtocols } from '../../fields/upgrade.js'
import type { Meter } from '../../policy/limits/meter.js'
import type { MovedOctets } from '../exchange/exchange.js'
import { join } from '../exchange/join.js'
import type { JoinOptions, Joined, Side } from '../exchange/join.js'
import { isGone } from '../../platform/message-state.js'
import type { Upgrade } from '../message/upgrade.js'

/** The answer of an upstream that speaks another protocol from here on. */
export interface Switched {
  readonly status: number
  /** A flat raw list, as received. */
  readonly fields: readonly string[]
  /** The connection, with what has come behind the head. */
  readonly socket: Socket
}

export interface SwitchOptions extends JoinOptions {
  /** Our member of `Via`. */
  readonly via: string
}

/** Two connections that speak another protocol. */
export interface SwitchedExchange extends Joined {
  readonly octets: () => MovedOctets
}

/** How much went through, and why it ended, unless by itself. */
export interface SwitchedEnding extends MovedOctets {
  readonly reason: string | undefined
}

/** A 101 has no content, and its framing would be that of the protocol it switches to. */
const NOT_OF_A_101 = new Set(['content-length', 'trailer'])

/**
 * Passes a 101 on, to HTTP/2 as a 200, and joins both connections, which are the other protocol's
 * from here on (RFC 9110, 7.8).
 *
 * @param ended - Called once, when both are closed.
 * @param meter - What may go. Default: all.
 * @returns What it is ended by from outside.
 * @throws {UpstreamProtocol} The status is another, or the protocol is none that the client offers.
 *   {@link ClientLeft} It has been answered in our place, or has gone. The upstream's connection is
 *   closed then.
 * @quirk undici-half-open
 */
export function switchProtocols (
  reply: FastifyReply, upgrade: Upgrade, { status, fields, socket: upstream }: Switched, options: SwitchOptions,
  ended: (ending: SwitchedEnding) => void, meter?: Meter
): SwitchedExchange {
  const { head, protocols } = upgrade
  let client: Side
  try {
    if (reply.sent || isGone(reply.raw)) throw new ClientLeft('response')
    const accepted = acceptedProtocols(valuesOf(fields, 'upgrade').join(', '), protocols)
    if (status !== 101 || accepted.length === 0) throw new UpstreamProtocol()
    const kept = endToEnd(fields, 'response', NOT_OF_A_101)
    kept.push('Via', options.via)
    client = upgrade.open(reply, kept, accepted)
  } catch (error) {
    upstream.destroy()
    throw error
  }
  const { whenEnded } = upgrade
  const before = { written: upstream.bytesWritten, read: upstream.bytesRead - upstream.readableLength }
  upstream.allowHalfOpen = true // undici opens its own otherwise, and a server may end before its client does
  let octets = () => ({ bytesIn: upstream.bytesWritten - before.written, bytesOut: upstream.bytesRead - before.read })
  const joined = join(client, upstream, options, (reason) => {
    ended({ ...octets(), reason })
    whenEnded?.()
  }, { head, meter })
  octets = joined.octets ?? octets
  return { octets, end: joined.end }
}
