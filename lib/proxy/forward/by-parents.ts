import type { ServerResponse } from 'node:http'
import { after } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import { formatAuthority } from '../../fields/target.js'
import { formatVia } from '../../fields/via.js'
import { isGone } from '../../platform/message-state.js'
import type { Hop } from '../../policy/parent/parent.js'
import type { Permit } from '../../policy/permission/permit.js'
import type { Address, Admitted } from '../../policy/target/access.js'
import type { Milliseconds, ProxyIdentity } from '../../types.js'
import { AbsoluteClient } from '../parent/absolute/client.js'
import type { ParentAccount } from '../parent/absolute/client.js'
import { AbsoluteExchange } from '../parent/absolute/exchange.js'
import type { Blame } from '../parent/blame.js'
import { dialParent } from '../parent/connect/to-parent.js'
import { hostForParent } from '../parent/destination.js'
import type { WaysOptions } from '../parent/connect/open-by-ways.js'
import { detourBy } from '../parent/connect/open-through.js'
import type { OtherWay } from '../parent/other-way.js'
import { takeWays } from '../parent/take-ways.js'
import { unlessReached } from '../parent/unless-reached.js'
import type { Relay } from '../relay/relay.js'
import type { OriginClient, Outgoing } from '../upstream/origin-client.js'

export interface ByParentsOptions extends WaysOptions {
  readonly health: Blame
  /** For targets that are reached directly, or through a parent. */
  readonly client: OriginClient
  /** Our name in `Via`. */
  readonly pseudonym: string
  readonly bodyTimeout: Milliseconds
}

/** A request that is to go on, with what it is answered by. */
export interface Forwarded {
  readonly outgoing: Omit<Outgoing, 'addresses' | 'content'> & { readonly content: AsyncGenerator<Buffer> | null }
  readonly identity: ProxyIdentity
  readonly permit: Permit | undefined
  readonly response: ServerResponse
  readonly relay: Relay
}

/** Sends requests by parents. */
export interface ByParents {
  /** What it throws, or rejects with, is the response. */
  send (forwarded: Forwarded): Eventual<void>
  close (): Promise<void>
}

/**
 * Sends requests by the parents that there are for their targets: policy by name, the choice, and
 * then one way after the other, as long as none has been reached. What addresses decide is decided
 * for each way, where they are known here.
 */
export function createByParents (options: ByParentsOptions): ByParents {
  const { access, parents, client, health, pseudonym, loginFor } = options
  // Without that of any request: later ones may come on the connection.
  const via = ['Via', formatVia('1.1', pseudonym)]
  const absolute = new AbsoluteClient({
    ...options,
    connect: (parent) => new Promise((resolve, reject) => {
      dialParent(parent, options, (failure, socket) => failure === null ? resolve(socket!) : reject(failure))
    })
  })
  const context = { client: absolute, blame: health }

  function sendDirectly (
    { outgoing, relay }: Forwarded, addresses: readonly Address[], otherwise: OtherWay | undefined
  ): void {
    client.send({ ...outgoing, addresses }, unlessReached(relay, otherwise))
  }

  function sendBy (account: ParentAccount, host: string, forwarded: Forwarded, otherwise: OtherWay | undefined): void {
    const { outgoing, response, relay } = forwarded
    const { target: { scheme, port, path, authority }, method, fields, content, upgrade, requester } = outgoing
    relay.record.parent = account.parent.name
    if (account.parent.protocol === 'socks5' || scheme === 'https' || upgrade !== undefined) {
      const detour = detourBy(account.parent, account.login, { host, port, fields: via }, health, options)
      relay.abandon = client.send({ ...outgoing, addresses: [], detour }, unlessReached(relay, otherwise))
      return
    }
    const url = `http://${formatAuthority(host, port, 80)}${path === '*' ? '' : path}`
    const request = { url, method, authority, fields, content, requester }
    // A parent may respond to a TRACE with all that it got.
    const shown = method === 'TRACE' ? absolute.noAccount(account.parent) : account
    new AbsoluteExchange(context, shown, request, relay, response, otherwise).begin()
  }

  function take (hop: Hop, admitted: Admitted, forwarded: Forwarded, otherwise: OtherWay | undefined): Eventual<void> {
    const { identity, response, relay, outgoing: { requester: { raw } } } = forwarded
    relay.record.parent = undefined // it may have been another way before
    if (hop === 'direct') {
      return after(access.resolve(admitted), (addresses) => {
        if (!isGone(response)) sendDirectly(forwarded, addresses, otherwise)
      })
    }
    return after(hostForParent(hop, admitted, access), (host) => after(loginFor(hop, identity, raw), (login) => {
      if (!isGone(response)) sendBy(absolute.account(hop, login), host, forwarded, otherwise)
    }))
  }

  return {
    send (forwarded) {
      const { outgoing: { target }, identity, permit, relay } = forwarded
      return after(access.admit(target, identity, permit), (admitted) => after(relay.admit(), () =>
        after(parents.choose(admitted, identity), (hops) => takeWays(hops, {
          take: (hop, otherwise) => take(hop, admitted, forwarded, otherwise),
          begin: (next) => relay.begin(next)
        }))))
    },
    close: () => absolute.close()
  }
}
