import { parseTarget } from '../../fields/target.js'
import type { PolicyDecision } from './decision.js'
import type { PolicyDocument, PolicyRule } from './document.js'
import { createPolicy } from './policy.js'
import type { PolicyOptions } from './policy.js'
import { RULE_MEMBERS } from './read-document.js'
import type { PolicyRequest } from './request.js'

/** A user to try documents with. */
export type SampleUser = Pick<PolicyRequest, 'user' | 'groups' | 'scheme' | 'anonymous' | 'client'>

/** What to try two documents with. */
export interface PolicySamples {
  /**
   * Requests, as they are.
   *
   * @defaultValue none
   */
  readonly requests?: readonly PolicyRequest[]
  /**
   * Users, each of whom asks for each of `targets`.
   *
   * @defaultValue none
   */
  readonly users?: readonly SampleUser[]
  /**
   * Targets: `host:port` for a tunnel, a URL of `http` or `https` for a GET in absolute-form.
   *
   * @defaultValue none
   */
  readonly targets?: readonly string[]
}

/** A rule that is in both documents by its name, and not the same. */
export interface ChangedRule {
  readonly rule: string
  /** The members that differ. */
  readonly members: readonly string[]
}

/** A request that is decided in another way. */
export interface ChangedDecision {
  readonly request: PolicyRequest
  readonly before: PolicyDecision
  readonly after: PolicyDecision
}

/** What a new document would change. */
export interface PolicyPlan {
  /** The names of rules that are new. One without a name that has changed is new, too. */
  readonly added: readonly string[]
  /** The names of rules that are gone. */
  readonly removed: readonly string[]
  readonly changed: readonly ChangedRule[]
  /** Whether rules that are in both stand in another order. */
  readonly reordered: boolean
  /** Which of `default` and `report` differ. */
  readonly members: readonly string[]
  /** The samples that are decided in another way, whichever rule does it. */
  readonly decisions: readonly ChangedDecision[]
}

/**
 * Tells what a new document would change, before it does.
 *
 * @throws {BadOption} One of the documents is wrong.
 * @throws {BadTarget} A sample is no target.
 * @example
 * const plan = planPolicy(before, after, {
 *   users: [{ user: 'alice', groups: ['ci'] }], targets: ['pypi.org:443']
 * })
 * plan.decisions.map(({ request, after }) => `${request.host}: ${after.allowed}`)
 */
export function planPolicy (
  before: PolicyDocument, after: PolicyDocument, samples: PolicySamples = {}, options: PolicyOptions = {}
): PolicyPlan {
  const [old, fresh] = [createPolicy(before, options), createPolicy(after, options)]
  const { requests = [], users = [], targets = [] } = samples
  const byUsers = users.flatMap((user) => targets.map((target) => ({ ...user, ...sampleTarget(target) })))
  const asked = [...requests, ...byUsers]
  const decisions = asked.map((request) => ({ request, before: old.decide(request), after: fresh.decide(request) }))
  const [rulesBefore, rulesAfter] = [byKey(before), byKey(after)]
  const common = (one: Rules, other: Rules) => [...one.keys()].filter((key) => other.has(key))
  const missing = (one: Rules, other: Rules) => [...one].filter(([key]) => !other.has(key)).map(([, { name }]) => name)
  const kept = common(rulesAfter, rulesBefore)
  return {
    added: missing(rulesAfter, rulesBefore),
    removed: missing(rulesBefore, rulesAfter),
    changed: kept.map((key) => {
      const [one, other] = [rulesBefore.get(key)!, rulesAfter.get(key)!]
      const members = RULE_MEMBERS.filter((member) => !isSame(one.rule[member], other.rule[member]))
      return { rule: other.name, members }
    }).filter(({ members }) => members.length > 0),
    reordered: !isSame(common(rulesBefore, rulesAfter), kept),
    members: [
      ...(before.default ?? 'deny') === (after.default ?? 'deny') ? [] : ['default'],
      ...(before.report ?? false) === (after.report ?? false) ? [] : ['report']
    ],
    decisions: decisions.filter((each) => !isSame(effectOf(each.before), effectOf(each.after)))
  }
}

/** By what tells them apart: the name, else all that is in them. */
type Rules = ReadonlyMap<string, { readonly name: string, readonly rule: PolicyRule }>

function byKey ({ rules }: PolicyDocument): Rules {
  return new Map(rules.map((rule, index) =>
    [rule.name === undefined ? `: ${JSON.stringify(rule, [...RULE_MEMBERS])}` : rule.name, { name: rule.name ?? `rules[${index}]`, rule }]))
}

function effectOf ({ allowed, wouldDeny, reason, special }: PolicyDecision): unknown {
  return { allowed, wouldDeny, reason, special }
}

function isSame (one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function sampleTarget (text: string): Pick<PolicyRequest, 'form' | 'method' | 'host' | 'port' | 'path'> {
  const target = parseTarget(text.includes('://') ? 'GET' : 'CONNECT', text)
  if (target.form === 'absolute') return { form: target.scheme, method: 'GET', host: target.host, port: target.port, path: target.path }
  const { host, port } = target as { host: string, port: number }
  return { form: 'connect', host, port }
}
