import type { ConnectionOptions } from 'node:tls'
import type { Eventual } from '../../eventual.js'
import type { ProxyIdentity } from '../../types.js'
import type { ParentCredentials } from './credentials.js'

/** A parent proxy as the options have it, checked. */
export interface Parent {
  /** Names it in the log and in `Proxy-Status`. Never a credential. */
  readonly name: string
  readonly protocol: 'http' | 'https' | 'socks5'
  /** A name in lower case, or an address without brackets. */
  readonly host: string
  readonly port: number
  /** For `https`. */
  readonly tls: ConnectionOptions | undefined
  /**
   * The credentials of a user at this parent; `null`: none are sent. An object that is the same for
   * two users is one account.
   */
  readonly credentials: ((identity: ProxyIdentity) => Eventual<ParentCredentials | null>) | null
  /** Of credentials that are fixed; `null`: there are none, or a function gives them. */
  readonly scheme: ParentCredentials['scheme'] | null
  /** The client's own `Proxy-Authorization` goes on to this parent. */
  readonly passthrough: boolean
  /** Which of the two resolves the names of targets. */
  readonly resolve: 'parent' | 'local'
}

/** A way to a target: a parent, or none. */
export type Hop = Parent | 'direct'
