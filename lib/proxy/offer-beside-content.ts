import type { IncomingMessage, Server } from 'node:http'

/** Whether content follows the head of a request of HTTP/1.1. */
export function announcesContent ({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers
  return coding !== undefined || Number(length) !== 0
}

type Asking = Server & { shouldUpgradeCallback?: (this: Server, request: IncomingMessage) => unknown }

/**
 * Has node take an offer to upgrade beside content for a plain request, as a server may (RFC 9110, 7.8), where node asks (22 and
 * later). Node 26 would hand over the content apart from what follows it, and nobody could give both back to its parser.
 */
export function overlookBesideContent (server: Server): void {
  const asking = server as Asking
  const before = asking.shouldUpgradeCallback
  if (before === undefined) return
  asking.shouldUpgradeCallback = function (request) {
    return !announcesContent(request) && before.call(this, request)
  }
}
