import type { IncomingMessage, Server } from 'node:http'
import { withoutUserinfo } from '../fields/target.js'
import { guarded } from '../platform/guarded.js'
import type { ErrorLog } from '../platform/guarded.js'

const hidden = new WeakSet<IncomingMessage>()

/**
 * Takes userinfo out of the host of requests in origin-form before Fastify logs it, which is before any hook. What had some is to be
 * refused for it: {@link hadUserinfo}.
 *
 * @param mayBeProxied - Whether a proxy route may take the request. Others are the application's.
 */
export function hideUserinfo (log: ErrorLog, server: Server, mayBeProxied: (request: IncomingMessage) => boolean): void {
  server.prependListener('request', guarded(log, (request: IncomingMessage) => {
    const { headers, url } = request
    for (const name of ['host', ':authority']) {
      const host = headers[name] as string | undefined
      if (host === undefined || !host.includes('@') || !url!.startsWith('/') || !mayBeProxied(request)) continue
      headers[name] = withoutUserinfo(host)
      hidden.add(request)
    }
  }))
}

/** Whether there was some. The raw fields still have it. */
export function hadUserinfo (request: IncomingMessage): boolean {
  return hidden.has(request)
}
