import type { PolicyDecision } from './decision.js'
import type { Subject } from './request.js'
import type { Condition, PolicyCondition, Rule } from './rule.js'

/** What became of a rule on the way to a decision. */
export interface ConsideredRule {
  /** Its name. */
  readonly rule: string
  /** `yes`: it decides. `unresolved`: it may hold, by an address of the name that is the target. */
  readonly holds: 'yes' | 'no' | 'unresolved'
  /** Its conditions that do not hold. */
  readonly failed: readonly PolicyCondition[]
}

/**
 * Why a request is allowed or denied. There is nothing secret in it: no path, and no credentials.
 */
export interface PolicyExplanation {
  readonly decision: PolicyDecision
  /** The target in its canonical spelling, or the reverse route. */
  readonly target: string
  /** The rules that were looked at, in order. */
  readonly considered: readonly ConsideredRule[]
  /** All of it in a sentence. */
  readonly summary: string
}

/** A rule that is ready to be asked. */
export interface Explainable {
  readonly rule: Rule
  readonly conditions: readonly Condition[]
}

/** Explains a decision, by asking one rule after the other. */
export function explain (subject: Subject, decision: PolicyDecision, rules: readonly Explainable[]): PolicyExplanation {
  const considered: ConsideredRule[] = []
  for (const { rule: { name }, conditions } of rules) {
    const answers = conditions.map((condition) => ({ name: condition.name, answer: condition.ask(subject) }))
    const failed = answers.filter(({ answer }) => answer === 'no').map((each) => each.name)
    const isOpen = answers.some(({ answer }) => answer === 'unresolved')
    const holds = failed.length > 0 ? 'no' : isOpen ? 'unresolved' : 'yes'
    considered.push({ rule: name, holds, failed })
    if (holds === 'yes') break
  }
  const { host, port, route } = subject
  const target = route ?? `${host.includes(':') ? `[${host}]` : host}:${port}`
  return { decision, target, considered, summary: sentence(decision, considered) }
}

function sentence (
  { allowed, rule, reason, wouldDeny }: PolicyDecision, considered: readonly ConsideredRule[]
): string {
  if (allowed === null) {
    const { rule } = considered.find(({ holds }) => holds === 'unresolved')!
    return `the addresses of the name must tell, because of rule "${rule}"`
  }
  const by = rule === null ? 'by default' : `by rule "${rule}"`
  if (wouldDeny) return `let through, and would be denied ${by}: ${reason}`
  return allowed ? `allowed ${by}` : `denied ${by}: ${reason}`
}
