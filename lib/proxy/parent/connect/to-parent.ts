import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction, Socket } from 'node:net'
import { ConnectTimeout, LoopDetected } from '../../../errors.js'
import { after, isThenable } from '../../../eventual.js'
import type { Eventual } from '../../../eventual.js'
import { readAddress } from '../../../policy/address/address.js'
import { interleave } from '../../../policy/address/interleave.js'
import { isOwnListener } from '../../../policy/address/own-listeners.js'
import type { OwnListener } from '../../../policy/address/own-listeners.js'
import type { Parent } from '../../../policy/parent/parent.js'
import type { Address } from '../../../policy/target/access.js'
import { lookUp } from '../../../policy/target/lookup.js'
import { dial } from '../../upstream/dial.js'
import type { DialOptions, Dialled } from '../../upstream/dial.js'
import { secured } from '../../upstream/secure.js'
import { undertake } from './effort.js'
import type { Effort } from './effort.js'
import { parentFailure } from '../parent-failure.js'

/** `connectTimeout`: how long resolving, TCP and TLS may take together. */
export interface ParentConnectionOptions extends DialOptions {
  /** The addresses this server listens on. A parent there would be this server itself. */
  readonly own: () => Iterable<OwnListener>
  /** Resolves the names of parents. Default: as the system does. */
  readonly lookup?: LookupFunction | undefined
}

/**
 * Connects to a parent, with TLS where its URL says `https`. Its addresses are the operator's
 * choice, so any will do but our own.
 *
 * @param done - Called once, later, with a {@link ParentFailure} or the connection.
 * @returns Gives it up. `done` is not called any more.
 */
export function dialParent (parent: Parent, options: ParentConnectionOptions, done: Dialled): () => void {
  const failed = (cause: unknown) => parentFailure(parent, cause, 'connecting')
  return undertake((effort) => connectParent(parent, effort, options), failed, done)
}

/** As {@link dialParent}, as a step of an effort, which holds the connection. */
export async function connectParent (
  parent: Parent, effort: Effort, options: ParentConnectionOptions
): Promise<Socket> {
  const { connectTimeout } = options
  try {
    const found = addressesOf(parent, options)
    const open = async (): Promise<Socket> => {
      const addresses = await effort.wait(found)
      return await effort.wait(dialled(addresses, parent.port, effort, options))
    }
    // To dial has a limit of its own: where it is the only step, a second timer is for nothing.
    if (!isThenable(found) && parent.protocol !== 'https') return await open()
    return await effort.within(connectTimeout, () => new ConnectTimeout(), async () => {
      const socket = await open()
      if (parent.protocol !== 'https') return socket
      const { tls, host } = parent
      return effort.hold(await effort.wait(secured(socket, tls?.servername ?? host, connectTimeout, tls)))
    })
  } catch (cause) {
    throw parentFailure(parent, cause, 'connecting')
  }
}

/** Without a promise where the parent is an address. */
function addressesOf (
  { host, port }: Parent, { connectTimeout, own, lookup = systemLookup as LookupFunction }: ParentConnectionOptions
): Eventual<Address[]> {
  const literal = readAddress(host)
  const found = literal === null ? lookUp(host, { lookup, family: 0, timeout: connectTimeout }) : [literal]
  return after(found, (all) => {
    const others = all.filter((address) => !isOwnListener(address, port, own()))
    if (others.length === 0) throw new LoopDetected()
    return interleave(others.map(({ text, family }) => ({ address: text, family })))
  })
}

function dialled (
  addresses: readonly Address[], port: number, effort: Effort, options: DialOptions
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const done: Dialled = (failure, socket) => failure === null ? resolve(effort.hold(socket!)) : reject(failure)
    effort.hold({ destroy: dial(addresses, port, options, done) })
  })
}
