/**
 * Rules: who may do what, as a typed document or from a file. [Rules](../../guide/policy.md) is the guide.
 *
 * @module
 */
export { createMatcher, createPolicy, planPolicy, policyFile } from '../../../lib/index.js'
export type {
  Authorize, AuthorizeRequest, ChangedDecision, ChangedRule, ConsideredRule, ExplainedAddress, ExplainedRequest, Explanation, PatternMatch, Policy, PolicyAction, PolicyCondition, PolicyDay, PolicyDecision, PolicyDocument, PolicyExplanation,
  PolicyFile, PolicyFileOptions, PolicyForm, PolicyListener, PolicyOptions, PolicyPlan, PolicyRequest, PolicyRule, PolicySamples, CodeRefusal, SampleUser, CodeVerdict
} from '../../../lib/index.js'
