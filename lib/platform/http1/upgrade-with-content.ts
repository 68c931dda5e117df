import type { IncomingMessage, Server } from 'node:http'
import { announcesContent } from '../message-state.js'
import { guardedOr } from '../guarded.js'

const overlooked = new WeakSet<IncomingMessage>()

/**
 * Whether the `upgrade` event of a request comes only where its content has ended, its response
 * being on its way.
 */
export function wasIgnored (request: IncomingMessage): boolean {
  return overlooked.has(request)
}

type Asking = Server & { shouldUpgradeCallback?: (this: Server, request: IncomingMessage) => unknown }

/**
 * Has node take an offer to upgrade beside content for a plain request, as a server may (RFC 9110,
 * 7.8), where node asks (22 and later). Node 26 would hand over the content apart from what follows
 * it, and nothing could give both back to its parser.
 *
 * The parser stops behind the content nevertheless, and node drops what else has come in the same
 * packet. So the request becomes an upgrade where its content ends: node emits the event then, and
 * hands over what is left, to be parsed again.
 *
 * @quirk node-upgrade-with-content
 */
export function ignoreUpgradeWithContent (server: Server): void {
  const asking = server as Asking
  const before = asking.shouldUpgradeCallback
  if (before === undefined) return
  asking.shouldUpgradeCallback = function (request) {
    return overlook(request) ? false : before.call(this, request)
  }
}

const overlook = guardedOr(true, (request: IncomingMessage) => {
  if (!announcesContent(request)) return false
  overlooked.add(request)
  upgradeAtEnd(request)
  return true
})

/**
 * Node looks at `upgrade` when it has parsed a packet. The parser tells of the end of the content
 * by `push`, at once.
 *
 * @quirk node-upgrade-with-content
 */
function upgradeAtEnd (request: IncomingMessage & { upgrade?: boolean }): void {
  const { push } = request
  request.push = (chunk, encoding) => {
    if (chunk === null) request.upgrade = true
    return push.call(request, chunk, encoding)
  }
}
