import type { FastifyInstance } from 'fastify'
import { guarded } from '../platform/guarded.js'
import type { Permissions } from '../policy/permission/permissions.js'
import { canonicalRoute } from '../policy/rules/request.js'
import type { Policy } from '../policy/rules/policy.js'
import { isPolicyFile } from '../policy/rules/policy-file.js'
import type { Exchanges } from '../proxy/exchange/exchanges.js'
import type { Milliseconds } from '../types.js'

/** How often it is looked whether the hours of a rule have begun or ended. */
const MINUTE: Milliseconds = 60_000

/**
 * Has the rules of now hold for what is under way: what a changed file forbids is ended at once,
 * and what the hours of a rule end, within a minute. What rules say and probably do not mean is
 * logged, at the start and with each change.
 *
 * @param routes - The prefixes of the reverse routes.
 */
export function followRules (
  app: FastifyInstance, policy: Policy, permissions: Permissions, exchanges: Exchanges, routes: readonly string[]
): void {
  const known = new Set(routes.map(canonicalRoute))
  const warn = (): void => {
    const unknown = policy.routes.filter((route) => !known.has(route))
    for (const warning of policy.warnings) app.log.warn(`policy: ${warning}`)
    if (unknown.length > 0) app.log.warn(`policy: rules name ${unknown.length} of no reverse route: ${unknown.join(', ')}`)
  }
  app.addHook('onReady', async () => warn())
  const end = isPolicyFile(policy)
    ? policy.onChange(() => {
      permissions.version += 1
      exchanges.recheck()
      app.log.info('policy: new rules are in force')
      warn()
    })
    : undefined
  const timer = setInterval(guarded(() => { if (policy.hasHours) exchanges.recheck() }), MINUTE).unref()
  app.addHook('onClose', async () => {
    clearInterval(timer)
    end?.()
  })
}
