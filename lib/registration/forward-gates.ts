import type { AbsoluteTarget, AuthorityTarget } from '../fields/target.js'
import type { AdmitOptions } from '../gate/admit.js'
import { PROXY } from '../gate/role/role.js'
import type { Settings } from '../options/settings.js'
import type { Hook } from '../platform/hook.js'
import { createRequirement } from '../policy/target/requirement.js'
import type { Requirement } from '../policy/target/requirement.js'
import type { ForwardGates } from '../proxy/forward/register.js'
import { received } from '../proxy/ingress/target-form.js'
import type { GateOf } from './gates.js'

/**
 * Puts together the gates of the forward proxy: one for most targets, and those for the targets
 * that other strategies are for.
 *
 * @param hookOf - Makes the hook of a gate.
 */
export function forwardGates (
  { strategies, targets, anonymous }: Pick<Settings, 'strategies' | 'targets' | 'anonymous'>, gateOf: GateOf,
  hookOf: (gate: AdmitOptions) => Hook
): ForwardGates {
  const usual = gateOf(strategies, PROXY)
  const others = targets.map(({ to, demand }) => ({ to, demand: gateOf(demand, PROXY) }))
  const gates = [usual, ...others.map(({ demand }) => demand)]
  const hooks = others.map(({ to, demand }) => ({ to, demand: hookOf(demand) }))
  return {
    authenticate: hooks.length === 0 ? hookOf(usual) : byTarget(hooks, hookOf(usual)),
    admitsWithoutCredentials: () =>
      anonymous !== undefined || gates.some(({ chain }) => chain.admitsWithoutCredentials),
    carriesIdentity: (socket) => gates.some(({ connections }) => connections?.carriesIdentity(socket) === true)
  }
}

function byTarget (hooks: ReadonlyArray<Requirement<Hook>>, otherwise: Hook): Hook {
  const hookFor = createRequirement(hooks, otherwise)
  return (request, reply, done) => {
    const target = received(request.raw)!.target as AbsoluteTarget | AuthorityTarget
    hookFor(target)(request, reply, done)
  }
}
