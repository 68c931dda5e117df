import { badOption, readTime } from '../check-option.js'
import type { PermissionSettings } from '../policy/permission/permissions.js'
import type { PolicyDocument } from '../policy/rules/document.js'
import { createPolicy } from '../policy/rules/policy.js'
import type { Policy } from '../policy/rules/policy.js'
import type { ProxyAuthOptions } from './options.js'

/**
 * Checks the options `policy`, `groups`, `authorize` and `authorizeTimeout`.
 *
 * @param asksWho - There are limits, which go by the groups of a user and by the rule.
 * @returns `undefined`: who has authenticated may do all that `forward` and `reverse` allow.
 * @throws {BadOption} One is wrong.
 */
export function readPermissions (
  { policy, groups, authorize, authorizeTimeout = 5000 }: Pick<ProxyAuthOptions, 'policy' | 'groups' | 'authorize' | 'authorizeTimeout'>,
  asksWho = false
): PermissionSettings | undefined {
  for (const [name, value] of Object.entries({ groups, authorize })) {
    if (value !== undefined && typeof value !== 'function') throw badOption(name, 'a function', value)
  }
  readTime(authorizeTimeout, 'authorizeTimeout', 1)
  if (policy === undefined && authorize === undefined && !asksWho) return undefined
  return Object.freeze({
    policy: policy === undefined || isPolicy(policy) ? policy : createPolicy(policy),
    groups: groups as PermissionSettings['groups'],
    authorize,
    authorizeTimeout
  })
}

function isPolicy (policy: Policy | PolicyDocument): policy is Policy {
  return typeof (policy as Partial<Policy> | null)?.decide === 'function'
}
