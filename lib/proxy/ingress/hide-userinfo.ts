import type { IncomingMessage, Server } from 'node:http'
import { withoutUserinfo } from '../../fields/target.js'
import { prepend } from '../../platform/guarded.js'
import { Askers } from './askers.js'
import type { MayBeProxied } from './askers.js'

const askers = new Askers()

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
