import { isIP } from 'node:net'
import { badOption, checkObject, isObject, readList, readTime } from '../check-option.js'
import type { ConnectOptions, ForwardOptions, TargetStrategies } from './options.js'
import type { StrategyDeclaration } from '../passport/declaration.js'
import { readParents } from '../policy/parent/read-parents.js'
import type { NamedParents } from '../policy/parent/read-parents.js'
import { PatternList } from '../policy/target/pattern-list.js'
import type { Requirement } from '../policy/target/requirement.js'
import { readAutoConfiguration } from '../proxy/forward/auto-configuration-route.js'
import { readResponseHead } from '../proxy/upstream/response-head-limit.js'
import type { ForwardSettings } from '../proxy/forward/register.js'

const OPTIONS = new Set([
  'allow', 'deny', 'special', 'check', 'checkTimeout', 'lookup', 'dnsTimeout', 'family', 'connectTimeout', 'headersTimeout',
  'bodyTimeout', 'localAddress', 'tls', 'strategies', 'pac', 'authorities', 'maxResponseHead', 'parents'
])
const TARGET_OPTIONS = new Set(['to', 'strategies'])

/** What the option `forward` says. Reverse routes may name its parents. */
type OwnSettings = Omit<ForwardSettings, keyof ConnectOptions | 'parents'> & { readonly parents?: NamedParents }

/**
 * Checks the option `forward`. Where it may go is for the policy to check, `strategies` for
 * {@link readTargets}.
 *
 * @throws {BadOption} It is wrong.
 */
export function readForward (given: ForwardOptions): OwnSettings {
  const {
    connectTimeout = 10_000, headersTimeout = 60_000, bodyTimeout = 300_000, localAddress, tls, authorities = [],
    strategies: _, pac, maxResponseHead, parents,
    ...policy
  } = checkObject(given, 'forward', OPTIONS, 'true or an object')
  if (localAddress !== undefined && (typeof localAddress !== 'string' || isIP(localAddress) === 0)) throw badOption('forward.localAddress', 'an IP address', localAddress)
  if (tls !== undefined && !isObject(tls)) throw badOption('forward.tls', 'an object', tls)
  return {
    policy,
    authorities: readList(authorities, 'forward.authorities'),
    connectTimeout: readTime(connectTimeout, 'forward.connectTimeout', 1),
    headersTimeout: readTime(headersTimeout, 'forward.headersTimeout', 0),
    bodyTimeout: readTime(bodyTimeout, 'forward.bodyTimeout', 0),
    maxResponseHead: readResponseHead(maxResponseHead, 'forward.maxResponseHead'),
    localAddress,
    tls,
    ...(pac !== undefined && { pac: readAutoConfiguration(pac) }),
    ...(parents !== undefined && { parents: readParents(parents, 'forward.parents') })
  }
}

/**
 * Checks the option `forward.strategies`.
 *
 * @throws {BadOption} It is wrong.
 */
export function readTargets (
  targets: readonly TargetStrategies[] = []
): ReadonlyArray<Requirement<readonly StrategyDeclaration[]>> {
  return Object.freeze(readList(targets, 'forward.strategies').map((entry, index) => {
    const option = `forward.strategies[${index}]`
    const { to, strategies } = checkObject(entry, option, TARGET_OPTIONS)
    return Object.freeze({ to: PatternList.from(to, `${option}.to`), demand: readList(strategies, `${option}.strategies`, 1) })
  }))
}
