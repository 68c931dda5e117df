import type { ServerResponse } from 'node:http'
import { after, isThenable } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { AbsoluteTarget } from '../../fields/target.js'
import { formatVia } from '../../fields/via.js'
import { isGone } from '../../platform/message-state.js'
import { asError } from '../../platform/as-error.js'
import { guarded } from '../../platform/guarded.js'
import type { Hop, Parent } from '../../policy/parent/parent.js'
import type { Parents } from '../../policy/parent/parents.js'
import { createAccess } from '../../policy/target/access.js'
import type { Admitted } from '../../policy/target/access.js'
import { protocolsOf } from '../message/upgrade.js'
import { loginFor } from '../parent/asker.js'
import { Blame } from '../parent/blame.js'
import { hostForParent } from '../parent/destination.js'
import { detourBy } from '../parent/connect/open-through.js'
import type { ThroughOptions } from '../parent/connect/open-through.js'
import { takeWays } from '../parent/take-ways.js'
import { unlessReached } from '../parent/unless-reached.js'
import { createOriginClient } from '../upstream/origin-client.js'
import type { OriginClientOptions } from '../upstream/origin-client.js'
import type { OutgoingRequest, ReverseClient } from './client.js'

export interface RouteParentsOptions extends Omit<OriginClientOptions, 'maxResponseHead'>, ThroughOptions {
  readonly parents: Parents
  /** Our name in `Via`. */
  readonly pseudonym: string
}

/** The upstream of a route is the operator's choice, be it what it may. */
const ANY = { special: ['*:*', '0.0.0.0/0:*', '[::]/0:*'] }

/**
 * The client of a reverse route whose upstream is reached by parents: through each of them by
 * CONNECT or SOCKS5, with connections for each account, and by `direct` where a way is none.
 */
export function createReverseByParents (direct: ReverseClient, options: RouteParentsOptions): ReverseClient {
  const { parents, own, pseudonym } = options
  const access = createAccess(ANY, own)
  const health = new Blame(parents)
  const client = createOriginClient(options, 'undici.tls')
  // Without that of any request: later ones may come on the connection.
  const via = ['Via', formatVia('1.1', pseudonym)]

  function sendBy (
    parent: Parent, target: AbsoluteTarget, admitted: Admitted, outgoing: OutgoingRequest, handler: ReverseHandler
  ): Eventual<void> {
    const { request: { raw, proxyAuth }, reply, relay, content } = outgoing
    const account = () => loginFor(parent, proxyAuth!, raw)
    relay.record.parent = parent.name
    return after(hostForParent(parent, admitted, access), (host) => after(account(), (login) => {
      if (isGone(reply.raw)) return
      const detour = detourBy(parent, login, { host, port: target.port, fields: via }, health, options)
      relay.abandon = client.send({
        ...outgoing,
        target,
        addresses: [],
        detour,
        content: content as AsyncIterable<Buffer> | null, // undici takes a Buffer as well
        upgrade: protocolsOf(raw),
        requester: { raw, name: proxyAuth!.name }
      }, handler)
    }))
  }

  function take (
    hop: Hop, target: AbsoluteTarget, admitted: Admitted, outgoing: OutgoingRequest, handler: ReverseHandler
  ): Eventual<void> {
    outgoing.relay.record.parent = undefined // it may have been another way before
    return hop === 'direct' ? direct.send(outgoing, handler) : sendBy(hop, target, admitted, outgoing, handler)
  }

  return {
    version: direct.version,
    sendsContent: direct.sendsContent,
    send (outgoing, handler) {
      const { destination: { origin, path }, query, request: { proxyAuth }, reply } = outgoing
      const target = targetOf(origin, path + query)
      const begin = beginning(reply.raw, handler)
      begin(() => after(access.admit(target, proxyAuth), (admitted) =>
        after(parents.choose(admitted, proxyAuth!), (hops) => takeWays(hops, {
          take: (hop, otherwise) => take(hop, target, admitted, outgoing, unlessReached(handler, otherwise)),
          begin
        }))))
    },
    async close () {
      await Promise.all([direct.close(), client.close()])
    }
  }
}

type ReverseHandler = Parameters<ReverseClient['send']>[1]

/** The upstream as a target. */
function targetOf (origin: string, path: string): AbsoluteTarget {
  const { protocol, hostname, port, host } = new URL(origin)
  const scheme = protocol === 'https:' ? 'https' : 'http'
  const usual = scheme === 'https' ? 443 : 80
  return { form: 'absolute', scheme, host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port), authority: host, path }
}

/** Does what sends a request. What that throws, or rejects with, is the failure of the request. */
function beginning (response: ServerResponse, handler: ReverseHandler): (next: () => Eventual<void>) => void {
  const fail = (failure: unknown) => handler.onResponseError?.(undefined as never, asError(failure))
  return (next) => {
    try {
      const begun = next()
      if (isThenable(begun)) begun.then(undefined, guarded(fail, response))
    } catch (failure) {
      fail(failure)
    }
  }
}
