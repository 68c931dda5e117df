import { checkOptions } from '../../check-option.js'
import { BadOption } from '../../errors.js'
import type { Milliseconds, ProxyIdentity } from '../../types.js'
import type { Target } from '../target/check.js'
import { UNRESOLVED, decisionOf, defaultDecision } from './decision.js'
import type { PolicyDecision } from './decision.js'
import type { PolicyDocument } from './document.js'
import { explain } from './explain.js'
import type { Explainable, PolicyExplanation } from './explain.js'
import { readDocument } from './read-document.js'
import { RequestReader, askerOf } from './request.js'
import type { PolicyRequest, Subject } from './request.js'
import { conditionsOf, judge } from './rule.js'
import type { Rule } from './rule.js'
import { RuleIndex } from './rule-index.js'
import { checkedGroups, userGroups } from './user-groups.js'
import { warningsOf } from './warnings.js'

/** Options of {@link createPolicy}. */
export interface PolicyOptions {
  /**
   * The groups of a user, for `check`.
   *
   * @defaultValue the member `groups` of the user object, where that is a list of text
   */
  readonly groups?: (user: never, info: never) => readonly string[]
  /**
   * The time, for tests.
   *
   * @defaultValue `Date.now`
   */
  readonly clock?: () => Milliseconds
}

/** Rules that are ready to be asked. */
export interface Policy {
  /**
   * What is allowed but probably not meant so, in words that name the rule: a block of addresses
   * within another one, a rule that no request comes to, a path that a tunnel leads round.
   */
  readonly warnings: readonly string[]
  /** The reverse routes that the rules name, by their prefix. */
  readonly routes: readonly string[]
  /** Whether a rule has hours: then what is allowed now may be denied later. */
  readonly hasHours: boolean
  /**
   * Decides on a request. What it costs does not depend on how many rules there are.
   *
   * @throws {BadTarget} The host is no host, or the port no port.
   */
  decide (request: PolicyRequest): PolicyDecision
  /**
   * Says which rule decides and why, with what became of each rule before it. There is no secret in
   * the answer.
   *
   * @throws {BadTarget} The host is no host, or the port no port.
   */
  explain (request: PolicyRequest): PolicyExplanation
  /**
   * The rules as the option `forward.check`: `true`, or the reason why the target is refused.
   *
   * It sees who the user is, and the host, the port and the scheme of the target. An upgrade counts
   * as `http` or `https`. Where a rule is about what is not seen here (methods, paths, clients,
   * addresses of a name), it holds if it denies, and does not if it allows.
   */
  readonly check: (target: Target, identity: ProxyIdentity) => true | string
}

/** A rule with what it decides. */
interface ReadyRule extends Explainable {
  readonly decision: PolicyDecision
}

const OPTIONS = new Set(['groups', 'clock'])
const NEEDS_ADDRESS = 'a rule needs the address of the target'

/**
 * Makes rules ready to be asked.
 *
 * @throws {BadOption} The document is wrong. The message names what, as `policy.rules[3].to[1]`,
 *   and
 *   never a value.
 * @example
 * const policy = createPolicy({
 *   rules: [
 *     { name: 'registries', groups: ['ci'], to: ['*.npmjs.org', 'pypi.org'], action: 'allow' }
 *   ]
 * })
 * policy.decide({ form: 'connect', user: 'alice', groups: ['ci'], host: 'pypi.org' })
 * // { allowed: true, rule: 'registries', action: 'allow', … }
 */
export function createPolicy (document: PolicyDocument, options: PolicyOptions = {}): Policy {
  const { groups: groupsOf = userGroups, clock = Date.now } = checkOptions(options, OPTIONS)
  for (const [name, value] of Object.entries({ groups: groupsOf, clock })) {
    if (typeof value !== 'function') throw new BadOption(name, 'a function', typeof value)
  }
  const { rules, allowsByDefault, reportsOnly } = readDocument(document)
  const ready = rules.map((rule): ReadyRule =>
    ({ rule, conditions: conditionsOf(rule), decision: decisionOf(rule, reportsOnly) }))
  const otherwise = defaultDecision(allowsByDefault, reportsOnly)
  const reader = new RequestReader(clock)
  const index = new RuleIndex(rules)
  // Of the rules about addresses, those that may hold a name whose addresses are not known. Two
  // that deny give no reason to look up a name that is denied anyway, so they are asked for apart.
  const aboutAddresses = rules.filter(({ to }) => to !== null && to.list.hasAddresses)
  const denies = ({ index }: Rule) => ready[index]!.decision.allowed === false
  const denyingAddresses = new RuleIndex(aboutAddresses.filter(denies), false)
  const otherAddresses = new RuleIndex(aboutAddresses.filter((rule) => !denies(rule)), false)

  /** Whether one of these rules, and before that one, may hold the name by an address. */
  function mayHold (by: RuleIndex, subject: Subject, before: number): boolean {
    let may = false
    by.each(subject, ({ index }) => {
      if (index < before) may = judge(ready[index]!.conditions, subject) === 'unresolved'
      return may || index >= before
    })
    return may
  }

  function decideOn (subject: Subject): PolicyDecision {
    let decision = otherwise
    let decisive = Infinity
    let mayBeDenied = false
    index.each(subject, ({ index }) => {
      const { conditions, decision: own } = ready[index]!
      const verdict = judge(conditions, subject)
      if (verdict === 'no') return false
      if (verdict === 'unresolved' && own.allowed === false) {
        mayBeDenied = true
        return false
      }
      decision = verdict === 'yes' ? own : UNRESOLVED
      decisive = index
      return true
    })
    if (decision.allowed === null || !subject.isUnresolved) return decision
    const isOpen = mayHold(otherAddresses, subject, decisive) ||
      (decision.allowed && (mayBeDenied || mayHold(denyingAddresses, subject, decisive)))
    return isOpen ? UNRESOLVED : decision
  }

  return Object.freeze({
    warnings: warningsOf(rules),
    routes: Object.freeze([...new Set(rules.flatMap(({ routes }) => [...routes ?? []]))]),
    hasHours: rules.some(({ hours }) => hours !== null),
    decide: (request: PolicyRequest) => decideOn(reader.read(request)),
    explain (request: PolicyRequest) {
      const subject = reader.read(request)
      return explain(subject, decideOn(subject), ready)
    },
    check ({ host, port, scheme: form }: Target, identity: ProxyIdentity) {
      const groups = checkedGroups(groupsOf(identity.user as never, identity.info as never))
      const { allowed, reason } = decideOn(reader.read({ form, host, port, ...askerOf(identity, groups) }))
      return allowed === true ? true : reason ?? NEEDS_ADDRESS
    }
  })
}
