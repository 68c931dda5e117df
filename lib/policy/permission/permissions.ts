import type { FastifyRequest } from 'fastify'
import { CheckFailed } from '../../errors.js'
import type { Eventual } from '../../eventual.js'
import type { Milliseconds, ProxyIdentity } from '../../types.js'
import type { PolicyDecision } from '../rules/decision.js'
import type { Policy } from '../rules/policy.js'
import { askerOf } from '../rules/request.js'
import type { PolicyRequest } from '../rules/request.js'
import { checkedGroups, userGroups } from '../rules/user-groups.js'
import { ask } from '../target/check.js'
import type { Authorize } from './authorize.js'
import { Permit } from './permit.js'
import type { Permitting, Wanted } from './permit.js'

/** What there is of the options `policy`, `groups` and `authorize`. */
export interface PermissionSettings {
  readonly policy: Policy | undefined
  readonly groups: ((user: never, info: never) => readonly string[]) | undefined
  readonly authorize: Authorize | undefined
  readonly authorizeTimeout: Milliseconds
}

/** The rules and the function that have to permit every request of a registration. */
export class Permissions implements Permitting {
  version = 0

  constructor (private readonly settings: PermissionSettings) {}

  /**
   * Begins to ask for a permit.
   *
   * @param request - One that the gate has let through.
   * @throws {CheckFailed} The groups of the user cannot be told.
   */
  permit ({ proxyAuth, ip }: Pick<FastifyRequest, 'proxyAuth' | 'ip'>, wanted: Wanted): Permit {
    const identity = proxyAuth!
    const client = ip ?? null // there is none on a socket in the file system
    return new Permit({ ...wanted, client, ...askerOf(identity, this.groupsOf(identity)) }, identity, this)
  }

  decide (request: PolicyRequest): PolicyDecision | undefined {
    return this.settings.policy?.decide(request)
  }

  authorize (request: PolicyRequest, identity: ProxyIdentity): Eventual<void> {
    const { authorize, authorizeTimeout } = this.settings
    if (authorize !== undefined) return ask(() => authorize({ ...request, identity }), authorizeTimeout)
  }

  private groupsOf ({ user, info }: ProxyIdentity): readonly string[] {
    const { groups: groupsOf } = this.settings
    if (groupsOf === undefined) return userGroups(user)
    try {
      return checkedGroups(groupsOf(user as never, info as never))
    } catch (cause) {
      throw new CheckFailed({ cause })
    }
  }
}
