import { isThenable } from '../../eventual.js'
import type { AttemptInput } from '../../passport/attempt-input.js'
import type { Chain } from '../../passport/chain.js'
import type { Granted, Outcome } from '../../passport/outcome.js'
import type { RawRequest } from '../../passport/request-view.js'

/** Access without credentials. */
export interface AnonymousAccess {
  /** The name of such a user. */
  readonly name: string
  readonly realm: string
  /** Whether this request is for where that is enough. */
  readonly admits: (request: RawRequest) => boolean
}

/**
 * Lets in requests that have no credentials, where that is enough: neither the field nor any other
 * that a strategy reads. Strategies that need none (a certificate) are asked before. Credentials
 * that are there are judged as everywhere: wrong ones are refused.
 */
export function withAnonymousAccess (chain: Chain, { name, realm, admits }: AnonymousAccess): Chain {
  const granted: Granted = Object.freeze({
    kind: 'granted',
    user: Object.freeze({ username: name }),
    info: Object.freeze({ anonymous: true }),
    scheme: null,
    realm,
    strategy: 'anonymous',
    userId: null,
    name
  })
  const enough = (outcome: Outcome): Outcome => outcome.kind === 'refused' && outcome.reason === 'missing' ? granted : outcome
  return Object.freeze({
    ...chain,
    authenticate (input: AttemptInput) {
      const outcome = chain.authenticate(input)
      if (input.credentials !== undefined || chain.reads.some((field) => input.raw.headers[field] !== undefined)) {
        return outcome
      }
      if (!admits(input.raw)) return outcome
      return isThenable(outcome) ? outcome.then(enough) : enough(outcome)
    }
  })
}
