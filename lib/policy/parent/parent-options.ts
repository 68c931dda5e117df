import type { ConnectionOptions } from 'node:tls'
import type { Eventual } from '../../eventual.js'
import type { ProxyIdentity } from '../../types.js'
import type { Target } from '../target/check.js'
import type { ParentCredentials } from './credentials.js'

/**
 * A parent proxy: where it is, what it is for, and the credentials for it. `to`, `except` and
 * `users` are its conditions: it fits where all of them hold.
 */
export interface ParentOptions {
  /**
   * Where it is: `http://host:port`, `https://host:port` (TLS to the parent) or
   * `socks5://host:port`. The port may be left out: it is 80, 443 or 1080 then. A name and a
   * password in it, percent-encoded, are credentials for Basic, or those of SOCKS5. `socks5h:` is
   * `socks5:` with `resolve: 'parent'`. `'direct'` is no parent but the way without one, with
   * conditions: `to`, `except` and `users` are all that may stand beside it.
   */
  readonly url: string
  /**
   * What the log, `Proxy-Status` and reverse routes call it. Printable ASCII, up to 255 chars. Two
   * parents of one list cannot have the same.
   *
   * @defaultValue the host and port of `url`
   */
  readonly name?: string
  /**
   * The targets that it is for: patterns as in `forward.allow`. A pattern without a port holds
   * every port. They are compared with the target as the client names it: nothing is resolved
   * before.
   *
   * @defaultValue every target
   */
  readonly to?: readonly string[]
  /**
   * Targets that it is not for: patterns, as in `to`.
   *
   * @defaultValue none
   */
  readonly except?: readonly string[]
  /**
   * The users that it is for, by the names that the log has.
   *
   * @defaultValue every user
   */
  readonly users?: readonly string[]
  /**
   * The gateway's credentials for it: fixed, or a function that gives those of a user, or `null`
   * for none. It has 10 seconds. Equal credentials are one account, which shares connections,
   * nonces and tokens.
   *
   * @defaultValue none
   */
  readonly credentials?: ParentCredentials | CredentialsForParent
  /**
   * Sends the client's own `Proxy-Authorization` on to this parent, and to no other. It stands
   * alone: beside `credentials`, or with a password in `url`, it is refused.
   *
   * @defaultValue `false`
   */
  readonly passthrough?: boolean
  /**
   * Which of the two resolves the names of targets. `'local'`: the gateway does, every address is
   * compared with the rules of `forward`, and the parent gets the address. `'parent'`: the parent
   * gets the name, and no rule sees the address.
   *
   * @defaultValue `'parent'`
   */
  readonly resolve?: 'parent' | 'local'
  /**
   * TLS options of Node, such as `ca`, for the connection to a parent with `https:`.
   *
   * @defaultValue none: its certificate is verified as Node does
   */
  readonly tls?: ConnectionOptions
}

/**
 * Gives the credentials that the gateway sends a parent proxy for a user, or `null` for none. What
 * it throws, and what is no credentials, is 500.
 */
export type CredentialsForParent = (identity: ProxyIdentity) => Eventual<ParentCredentials | null>

/** A parent proxy, or the way without one. */
export type ParentChoice = ParentOptions | 'direct'

/**
 * Chooses the parent proxies for a request: one, `'direct'`, or several in the order to try them.
 * Of those that it gives, the ones whose conditions do not hold are left out. It should give the
 * same objects again and again, because what is known of a parent is kept with its object. What it
 * throws, and what is no parent, is 500.
 *
 * @param target - The host is canonical: lower case, A-labels, no trailing dot, IPv6 without
 *   brackets.
 */
export type ChooseParents = (
  target: Target, identity: ProxyIdentity
) => Eventual<ParentChoice | readonly ParentChoice[]>

/**
 * A parent proxy of a reverse route, `'direct'`, or the name of an entry of `forward.parents`. The
 * conditions of that hold here too.
 */
export type RouteParentChoice = ParentOptions | string

/** As {@link ChooseParents}, for a reverse route. The target is its upstream. */
export type ChooseRouteParents = (
  target: Target, identity: ProxyIdentity
) => Eventual<RouteParentChoice | readonly RouteParentChoice[]>

/** What may be said of parents: of the forward proxy, or of a reverse route. */
export type ParentsOption =
  | 'environment'
  | readonly ParentChoice[]
  | readonly RouteParentChoice[]
  | ChooseParents
  | ChooseRouteParents
