import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { BadRequest, TooManyFields } from '../../errors.js'
import { readAuthority, withoutUserinfo } from '../../fields/target.js'
import { isExtendedConnect } from '../../fields/extended-connect.js'
import { parseHostField } from '../../fields/host.js'
import { receivedLength } from '../../fields/raw-list.js'
import { prepend } from '../../platform/guarded.js'
import { Recent } from '../../store/recent.js'
import { Askers } from './askers.js'
import type { MayBeProxied } from './askers.js'

/**
 * What makes a message unfit for a proxy, of what node's parser lets through. Two readers that
 * differ about it could see two messages in one, or one message for two hosts.
 *
 * - As many lines as node reads, or more: what frames the content, or names what ends at this hop,
 *   may be among those it has dropped.
 * - A version other than HTTP/1.0 and 1.1 on HTTP/1's wire.
 * - `Host` that is missing or no host and port (RFC 9112, 3.2).
 * - A transfer coding other than chunked, which node would leave on, or any in HTTP/1.0 (RFC 9112,
 *   6.1).
 * - A length beyond what a number holds exactly.
 * - CONNECT with content, which would go into the tunnel as data (RFC 9110, 9.3.6).
 * - In HTTP/2, `Host` that names another target than `:authority` (RFC 9113, 8.3.1).
 *
 * @returns The error to answer with, `null` when there is none.
 * @quirk node-any-version
 * @quirk node-transfer-coding-left
 */
export function malformation (request: IncomingMessage): Error | null {
  const { method, httpVersion, headers } = request
  if (request.httpVersionMajor === 2 && 'stream' in request) return http2Malformation(request)
  if (mayBeCut(request)) return new TooManyFields()
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return new BadRequest('the version is not served')
  const { host, 'transfer-encoding': coding, 'content-length': length } = headers
  if (host === undefined) {
    if (httpVersion === '1.1') return new BadRequest('there is no Host')
  } else {
    const failure = hostFailure(host)
    if (failure !== null) return failure
  }
  if (coding === undefined && length === undefined) return null
  if (method === 'CONNECT' && (coding !== undefined || Number(length) !== 0)) return new BadRequest('CONNECT has no content')
  if (coding !== undefined && (httpVersion === '1.0' || coding.toLowerCase() !== 'chunked')) return new BadRequest('the transfer coding is not served')
  if (length !== undefined && !Number.isSafeInteger(Number(length))) return new BadRequest('the length is no length')
  return null
}

/** How many values of `Host` are kept as right, of those no longer than a name can be. */
const HOSTS_KEPT = 1_000
const LONGEST_KEPT = 261
const rightHosts = new Recent<true>(HOSTS_KEPT)

function hostFailure (host: string): Error | null {
  if (rightHosts.get(host) === true) return null
  try {
    parseHostField(host)
  } catch (failure) {
    return failure as Error
  }
  if (host.length <= LONGEST_KEPT) rightHosts.set(host, true)
  return null
}

/**
 * Whether node may have dropped lines of a head of HTTP/1.x: it stops where the list has reached
 * its limit, and does not say whether there was more. What frames the content may be among them, so
 * no such list can be written as a message again.
 *
 * @quirk node-max-headers-count
 */
export function mayBeCut (request: IncomingMessage): boolean {
  return receivedLength(request) >= listLimit(request)
}

/**
 * How long the raw list of a head gets, by the server's `maxHeadersCount` as node reads it, odd
 * values included.
 */
function listLimit ({ socket }: IncomingMessage): number {
  const { maxHeadersCount } = (socket as Socket & { server?: Partial<Server> }).server ?? {}
  const limit = typeof maxHeadersCount === 'number' ? maxHeadersCount << 1 : 2000
  return limit <= 0 ? Infinity : limit // without a limit, to node
}

/** The framing is not HTTP/1's, and node has looked at it. */
function http2Malformation ({ method, headers }: IncomingMessage): Error | null {
  const { host, ':authority': authority, 'content-length': length } = headers
  const connects = method === 'CONNECT' || isExtendedConnect({ headers })
  if (connects && length !== undefined && Number(length) !== 0) return new BadRequest('CONNECT has no content')
  if (host === undefined || authority === undefined || host === authority) return null
  return isSameTarget(host, authority as string) ? null : new BadRequest('Host and :authority differ')
}

/** The port of a CONNECT is left out of `Host` by some. */
function isSameTarget (host: string, authority: string): boolean {
  const [said, meant] = [readAuthority(host), readAuthority(authority)]
  if (typeof said === 'string' || typeof meant === 'string') return false
  return said.host === meant.host && (said.port === undefined || said.port === meant.port)
}

const askers = new Askers()
/** Requests that had some. */
const hidden = new WeakSet<IncomingMessage>()

/**
 * Takes userinfo out of the host of requests before Fastify logs it, which is before any hook. What
 * had some is to be refused for it: {@link hadUserinfo}. One listener per server, however many
 * routes ask for it.
 *
 * @param mayBeProxied - Whether a reverse route may take the request. Others are the application's,
 *   or the forward proxy's.
 */
export function hideUserinfo (server: Server, mayBeProxied: MayBeProxied): void {
  const isProxied = askers.add(server, mayBeProxied)
  if (isProxied === undefined) return
  prepend(server, 'request', (request: IncomingMessage) => {
    hideUserinfoOf(request, () => isProxied(request))
  })
}

/**
 * Takes it out of the host of one request: of an upgrade, which no listener of `request` sees.
 *
 * @param isMeant - Asked where there is some. Default: it is.
 */
export function hideUserinfoOf (request: IncomingMessage, isMeant: () => boolean = () => true): void {
  const { headers } = request
  for (const name of ['host', ':authority']) {
    const host = headers[name] as string | undefined
    if (host === undefined || !host.includes('@') || !isMeant()) continue
    headers[name] = withoutUserinfo(host)
    hidden.add(request)
  }
}

/** Whether there was some. The raw fields still have it. */
export function hadUserinfo (request: IncomingMessage): boolean {
  return hidden.has(request)
}
