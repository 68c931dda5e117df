import type { Eventual } from '../../eventual.js'
import type { ProxyIdentity } from '../../types.js'
import type { PolicyRequest } from '../rules/request.js'
import type { CodeVerdict } from '../target/check.js'

/** A request that is to be permitted: as rules see it, with the identity of its user. */
export interface AuthorizeRequest extends PolicyRequest {
  /** As in `request.proxyAuth`. */
  readonly identity: ProxyIdentity
}

/**
 * Permits requests of every form: to the forward proxy, and to reverse routes. It is asked behind
 * `forward.deny`, `forward.allow`, `forward.check` and the rules, and before anything is resolved.
 * It can refuse, and lifts nothing.
 *
 * @returns `true`: the request goes on. `false`: 403. Text: 403 with this reason, which the client
 *   sees. An object says the status as well, and when to try again. Anything else, a throw and a
 *   rejection are 500.
 */
export type Authorize = (request: AuthorizeRequest) => Eventual<CodeVerdict>
