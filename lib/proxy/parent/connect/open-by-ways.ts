import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Eventual } from '../../../eventual.js'
import { asError } from '../../../platform/as-error.js'
import { guarded } from '../../../platform/guarded.js'
import type { Hop, Parent } from '../../../policy/parent/parent.js'
import type { Parents } from '../../../policy/parent/parents.js'
import type { Permit } from '../../../policy/permission/permit.js'
import type { Access, Admitted, Target } from '../../../policy/target/access.js'
import type { ProxyIdentity } from '../../../types.js'
import { dial } from '../../upstream/dial.js'
import type { Dialled } from '../../upstream/dial.js'
import { upstreamError } from '../../upstream/upstream-error.js'
import { hostForParent } from '../destination.js'
import type { Login } from '../login/login.js'
import { openThrough } from './open-through.js'
import type { ParentsHealth, ThroughOptions } from './open-through.js'
import { mayGoAnotherWay } from '../other-way.js'

export interface WaysOptions extends ThroughOptions {
  readonly access: Pick<Access<ProxyIdentity>, 'admit' | 'resolve' | 'keepName'>
  readonly parents: Pick<Parents, 'choose'>
  readonly health: ParentsHealth
  /** Finds the account that a request goes by. What it fails with names the parent. */
  readonly loginFor: (parent: Parent, identity: ProxyIdentity, request: IncomingMessage) => Eventual<Login>
}

/** Whose connection it is to be. */
export interface WaysRequest {
  readonly target: Target
  readonly identity: ProxyIdentity
  /** What else has to permit it. Default: nothing. */
  readonly permit?: Permit | undefined
  /** What has to let it in, when it is permitted by its name. Default: nothing. */
  readonly admit?: (() => Eventual<unknown>) | undefined
  readonly raw: IncomingMessage
  /** What a CONNECT to a parent says beside where to: a flat raw list. */
  readonly fields: readonly string[]
}

/** Takes a failure, or a connection. That goes by a parent, or leads to an address. */
export type WayOpened = (failure: Error | null, socket?: Socket, parent?: Parent, address?: string) => void

/**
 * Opens a connection to a target by parents: policy by name, the choice, and then one way after the
 * other until there is one. What addresses decide is decided for each way, where they are known
 * here.
 *
 * @param done - Called once, later. Where all ways fail it gets the failure of the first.
 * @returns Gives it up. `done` is not called any more.
 */
export function openByWays (request: WaysRequest, options: WaysOptions, done: WayOpened): () => void {
  const ways = new Ways(request, options, done)
  ways.walk().catch(guarded((failure) => ways.fail(failure)))
  return () => ways.giveUp()
}

class Ways {
  private isOver = false
  private cancel: (() => void) | undefined

  constructor (
    private readonly request: WaysRequest,
    private readonly options: WaysOptions,
    private readonly done: WayOpened
  ) {}

  async walk (): Promise<void> {
    const { request: { target, identity, permit, admit }, options: { access, parents } } = this
    const admitted = await access.admit(target, identity, permit)
    await admit?.()
    let first: Error | undefined
    for (const hop of await parents.choose(admitted, identity)) {
      if (this.isOver) return
      const failure = await this.take(hop, admitted)
      if (failure === null) return
      if (!mayGoAnotherWay(failure)) throw failure
      first ??= failure
    }
    throw first
  }

  giveUp (): void {
    this.isOver = true
    this.cancel?.()
  }

  fail (failure: unknown): void {
    if (this.isOver) return
    this.isOver = true
    this.done(asError(failure))
  }

  /** @returns `null` where the connection is the taker's, or is not wanted any more. */
  private async take (hop: Hop, admitted: Admitted): Promise<Error | null> {
    let open: OpenWay
    try {
      open = hop === 'direct' ? await this.directly(admitted) : await this.by(hop, admitted)
    } catch (failure) {
      return asError(failure)
    }
    if (this.isOver) return null
    return await new Promise((resolve, reject) => {
      // The taker gets it at once, before anything can happen to it.
      const done: Dialled = (failure, socket, address) => {
        if (failure === null) {
          if (hop === 'direct') this.done(null, socket, undefined, address)
          else this.done(null, socket, hop)
        }
        resolve(failure === null ? null : upstreamError(failure))
      }
      try {
        this.cancel = open(done)
      } catch (failure) {
        reject(upstreamError(failure))
      }
    })
  }

  private async directly (admitted: Admitted): Promise<OpenWay> {
    const { options } = this
    const addresses = await options.access.resolve(admitted)
    return (done) => dial(addresses, admitted.port, options, done)
  }

  private async by (parent: Parent, admitted: Admitted): Promise<OpenWay> {
    const { request: { identity, raw, fields }, options } = this
    const host = await hostForParent(parent, admitted, options.access)
    const to = { host, port: admitted.port, fields }
    const login = await options.loginFor(parent, identity, raw)
    return (done) => openThrough(parent, login, to, options.health, options, done)
  }
}

/** Opens a connection, unless it is given up. */
type OpenWay = (done: Dialled) => () => void
