import type { PolicyAction } from './document.js'
import type { Rule } from './rule.js'

/** What rules say of a request. */
export interface PolicyDecision {
  /**
   * Whether the request may go on. `null`: a rule is about addresses, the target is a name, and
   * only its addresses can tell. Resolve it, and ask again with each `address`.
   */
  readonly allowed: boolean | null
  /** The name of the rule that decides. `null`: none does, and the default holds. */
  readonly rule: string | null
  /** What the rule says, or the default. `null` where `allowed` is. */
  readonly action: PolicyAction | null
  /** Why the request is denied, or would be. It is for the client, too. */
  readonly reason: string | null
  /** The request goes on because refusals are only reported: else it would be denied. */
  readonly wouldDeny: boolean
  /** The target may be a special-purpose address. */
  readonly special: boolean
}

/** The addresses of the target must tell. */
export const UNRESOLVED: PolicyDecision = Object.freeze({
  allowed: null, rule: null, action: null, reason: null, wouldDeny: false, special: false
})

const BY_A_RULE = 'refused by a rule'
const BY_DEFAULT = 'no rule allows it'

/** What a rule decides. */
export function decisionOf ({ name, action, reason, special }: Rule, reportsOnly: boolean): PolicyDecision {
  return decide(name, action, reason ?? BY_A_RULE, special, reportsOnly)
}

/** What holds where no rule decides. */
export function defaultDecision (allows: boolean, reportsOnly: boolean): PolicyDecision {
  return decide(null, allows ? 'allow' : 'deny', BY_DEFAULT, false, reportsOnly)
}

function decide (
  rule: string | null, action: PolicyAction, reason: string, special: boolean, reportsOnly: boolean
): PolicyDecision {
  const allowed = action !== 'deny' || reportsOnly
  return Object.freeze({
    allowed, rule, action, reason: action === 'allow' ? null : reason, wouldDeny: allowed && action !== 'allow', special
  })
}
