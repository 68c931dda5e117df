import type { Parent } from '../../../policy/parent/parent.js'
import type { Detour } from '../../upstream/detour.js'
import type { Dialled } from '../../upstream/dial.js'
import type { Blame } from '../blame.js'
import { connectByHttp } from './by-http.js'
import type { Endpoint, ThroughOptions } from './by-http.js'
import { connectBySocks } from './by-socks.js'
import { undertake } from './effort.js'
import type { Login } from '../login/login.js'
import { parentFailure } from '../parent-failure.js'
import { numberOf } from '../parent-number.js'

export type { Endpoint, ThroughOptions }

/** Is told of parents that respond, and of those that do not. */
export type ParentsHealth = Pick<Blame, 'praise' | 'blame'>

/**
 * What a parent is to blame for. Not for what it has responded, nor for credentials that there are
 * none of, nor for what this machine lacks.
 */
const BLAMED = /^FST_PROXY_AUTH_(?:LOOP|PARENT_(?:UNREACHABLE|TIMEOUT|PROTOCOL))$/

/**
 * Opens a connection to a target by way of a parent: by CONNECT, or by SOCKS5.
 *
 * @param done - Called once, later, with a {@link ParentFailure} or the connection, in which
 *   octets of the target may wait already.
 * @returns Gives it up. `done` is not called any more.
 */
export function openThrough (
  parent: Parent, login: Login, to: Endpoint, health: ParentsHealth, options: ThroughOptions, done: Dialled
): () => void {
  const since = performance.now()
  const connect = parent.protocol === 'socks5' ? connectBySocks : connectByHttp
  let hasResponded = false
  const responded = () => {
    hasResponded = true
    health.praise(parent)
  }
  const failed = (cause: unknown) => {
    const failure = parentFailure(parent, cause, 'connected')
    if (!hasResponded && BLAMED.test(failure.code)) health.blame(parent, failure, since)
    return failure
  }
  return undertake((effort) => connect(parent, login, to, effort, options, responded), failed, done)
}

/** How many requests had a connection of their own. */
let count = 0

/**
 * The way to a target by a parent, for a client that keeps connections: those to the same target by
 * the same parent are kept together if they are of one account. With credentials of the client's
 * own, that is not known, so each request has its own.
 */
export function detourBy (
  parent: Parent, login: Login, to: Endpoint, health: ParentsHealth, options: ThroughOptions
): Detour {
  const account = parent.passthrough ? `own#${++count}` : login.account
  return {
    key: `${numberOf(parent)} ${account} ${to.host} ${to.port}`,
    open: (done) => openThrough(parent, login, to, health, options, done)
  }
}
