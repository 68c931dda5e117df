import type { FastifyInstance } from 'fastify'
import { BadOption } from '../errors.js'
import type { Events } from '../events/events.js'
import type { AdmitOptions } from '../gate/admit.js'
import { addContentHooks } from '../gate/content/verified-content.js'
import { ContentKeeper } from '../gate/content/buffered-content.js'
import { withAttemptLimits } from '../gate/chain/attempt-limits.js'
import { ORIGIN, PROXY } from '../gate/role/role.js'
import type { Role } from '../gate/role/role.js'
import { withAnonymousAccess } from '../gate/chain/anonymous.js'
import type { AnonymousAccess } from '../gate/chain/anonymous.js'
import { createChain } from '../passport/create-chain.js'
import type { Chain } from '../passport/chain.js'
import { isConnectionBound, traitsOf } from '../schemes/traits.js'
import { ConnectionIdentities } from '../passport/connection-identity.js'
import { givesName, readDeclaration } from '../passport/declaration.js'
import type { Declaration, Declared, StrategyDeclaration } from '../passport/declaration.js'
import { KnownUsers } from '../gate/refusal/known-users.js'
import { loadPassport } from '../passport/registry.js'
import type { GuessLimiter } from '../policy/attempts/attempts.js'
import { isNamed } from '../policy/identity.js'
import type { Revocations } from '../policy/revocations.js'
import type { Settings } from '../options/settings.js'
import type { SharedReplays, Strategy } from '../strategies/strategy.js'
import { reloadAccounts } from './reload-accounts.js'
import { summarise } from './summary.js'
import { warnAtStart } from './warnings.js'

/** What all gates of a registration share. */
export interface Shared {
  readonly revocations: Revocations
  readonly attempts: GuessLimiter | undefined
  readonly access: AnonymousAccess | undefined
  /** What strategies may use of a Redis, if there is one. */
  readonly replays: (() => SharedReplays) | undefined
  readonly events: Events
}

/**
 * What the gate of a route works with, by the route's strategies, as the settings have them, and by
 * its mode. Filled in by `onReady`.
 */
export type GateOf = (strategies: readonly StrategyDeclaration[], mode: Role) => AdmitOptions

/** What the gates of a registration are. */
export interface Gates {
  readonly gateOf: GateOf
  /**
   * Has all strategies read their accounts anew. Before the application is ready there are none
   * yet.
   *
   * @throws {ReloadFailed} One or more failed.
   */
  reloadAccounts (): Promise<void>
  /**
   * The schemes of all strategies, in their registered case; `null` for a strategy without one.
   * None before it is ready.
   */
  readonly schemes: () => ReadonlySet<string | null>
  /** What they do at present. */
  readonly load: () => GateLoad
}

/** What the gates of a registration do and keep at present. */
export interface GateLoad {
  /** Handshakes of NTLM and Negotiate between two legs. */
  readonly handshakes: number
  /** Octets of content that is kept for its verdict. */
  readonly keptContent: number
  /** Requests that strategies are asked about. */
  readonly running: number
  /** Requests that wait for that. */
  readonly waiting: number
  /** Remembered verdicts that accept, those that have ended included. */
  readonly yeses: number
  /** Remembered verdicts that refuse, likewise. */
  readonly noes: number
}

/** The gates of the routes that ask the same strategies, one for each mode. */
interface Prepared {
  readonly list: readonly StrategyDeclaration[]
  readonly declarations: readonly Declaration[]
  readonly gates: readonly AdmitOptions[]
}

/**
 * Prepares the gates of the routes; those of the same strategies share them. The strategies are
 * settled when the application is ready: `passport.use` may come later than us.
 *
 * @throws {BadOption} A strategy is declared wrongly.
 */
export async function prepareGates (app: FastifyInstance, settings: Settings, shared: Shared): Promise<Gates> {
  const { principal, authInt, cleartext } = settings
  const { revocations, events } = shared
  const keeper = new ContentKeeper(authInt)
  const common = {
    principal,
    revocations,
    events,
    keeper,
    maxAnswer: authInt.maxAnswer,
    knownUsers: new KnownUsers(),
    reserved: shared.access?.name
  }
  const ofRoutes = settings.reverse.map((route) => route.strategies ?? settings.strategies)
  const lists = new Set([settings.strategies, ...ofRoutes, ...settings.targets.map(({ demand }) => demand)])
  const passport = settings.passport ?? ([...lists].flat().some(givesName) ? await loadPassport() : undefined)
  const declare = declaring({ ...settings, passport })
  const prepared: Prepared[] = [...lists].map((list) => ({
    list,
    declarations: list.map(declare),
    gates: [PROXY, ORIGIN].map((mode) => ({ mode, ...common }) as AdmitOptions)
  }))
  const allDeclarations = prepared.flatMap(({ declarations }) => declarations)
  if (allDeclarations.some(({ mayCoverContent }) => mayCoverContent)) addContentHooks(app)
  const reads = [...new Set(allDeclarations.flatMap((declaration) => declaration.reads))]
  const chains = () => prepared.map(({ declarations }) => declarations.map((declaration) => declaration.resolve()))

  let all: readonly Declared[] = []
  let schemes: ReadonlySet<string | null> = new Set()
  app.addHook('onReady', async () => {
    const chainOf = chaining(settings, shared)
    for (const { declarations, gates } of prepared) {
      const declared = declarations.map((declaration) => declaration.resolve())
      const chain = chainOf(declared)
      const chainInTheClear = cleartext === 'refuse' ? chainOf(declared.filter(({ scheme }) => !traitsOf(scheme).sendsSecret)) : chain
      for (const gate of gates) Object.assign(gate, { chain, chainInTheClear, reads })
      bindConnections(gates, declared, settings, revocations)
    }
    all = [...new Set(chains().flat())]
    schemes = new Set(all.map(({ scheme }) => scheme))
    await prepareAll(all, shared.replays)
    if (shared.access !== undefined) reserveName(all, shared.access.name)
    for (const { cache } of all) {
      if (cache !== null) revocations.hold({ end: (name) => cache.forget((known) => isNamed(name, known, principal)) })
    }
  })
  warnAtStart(app, settings, chains)
  summarise(app, settings, () => chains().flat())
  const gateOf: GateOf = (strategies, mode) => {
    const { gates } = prepared.find(({ list }) => list === strategies)!
    return gates.find((gate) => gate.mode === mode)!
  }
  const load = (): GateLoad => {
    const connections = prepared.flatMap(({ gates }) => gates).map((gate) => gate.connections?.handshaking ?? 0)
    const loads = all.map(({ turns, cache }) => ({ ...turns.load, ...cache?.size }))
    return {
      handshakes: sumOf(connections),
      keptContent: keeper.kept,
      running: sumOf(loads.map(({ running }) => running)),
      waiting: sumOf(loads.map(({ waiting }) => waiting)),
      yeses: sumOf(loads.map(({ yeses = 0 }) => yeses)),
      noes: sumOf(loads.map(({ noes = 0 }) => noes))
    }
  }
  return { gateOf, reloadAccounts: async () => await reloadAccounts(all), schemes: () => schemes, load }
}

function sumOf (numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0)
}

/** One cache and one queue for each strategy, on however many routes it is. */
function declaring (
  { realm, passport, strategyTimeout: maxWait, ...settings }: Settings
): (declaration: StrategyDeclaration) => Declaration {
  const verifiers = { ...settings.verifiers, maxWait }
  const known = new Map<StrategyDeclaration, Declaration>()
  return (declaration) => {
    const found = known.get(declaration) ?? readDeclaration(declaration, { realm, passport, verifiers })
    known.set(declaration, found)
    return found
  }
}

/** Makes a chain, with all that is asked before the strategies and in their place. */
function chaining (
  { strategyTimeout: timeout }: Settings, { attempts, access }: Shared
): (declared: readonly Declared[]) => Chain {
  return (declared) => {
    const chain = createChain(declared, { timeout })
    const slowed = attempts === undefined ? chain : withAttemptLimits(chain, attempts, declared)
    return access === undefined ? slowed : withAnonymousAccess(slowed, access)
  }
}

/**
 * @throws {BadOption} A strategy authenticates connections, and the option for that is not there.
 */
function bindConnections (
  gates: readonly AdmitOptions[], declared: readonly Declared[],
  { connectionBound }: Settings, revocations: Revocations
): void {
  const bound = declared.find(({ scheme }) => isConnectionBound(scheme))
  if (bound === undefined) return
  if (connectionBound === undefined) throw new BadOption('connectionBound', `given, as ${bound.scheme} authenticates connections`, 'undefined')
  // Each its own: an identity for the proxy is none for an origin that it also is, nor one for
  // other strategies.
  for (const gate of gates) {
    const connections = new ConnectionIdentities(connectionBound)
    revocations.hold(connections)
    Object.assign(gate, { connections })
  }
}

/**
 * Strategies of ours say now if they can never work; one that only looks like ours need not know of
 * that.
 */
async function prepareAll (declared: Iterable<Declared>, replays: Shared['replays']): Promise<void> {
  const ours = new Set([...declared].flatMap(({ own, strategy }) => own ? [strategy as Partial<Strategy>] : []))
  await Promise.all([...ours].map(async (strategy) => await strategy.prepare?.(replays)))
}

/**
 * A user of that name would be taken for anonymous access by limits, logs and upstreams.
 *
 * @throws {BadOption} A strategy whose accounts are known has one of that name.
 */
function reserveName (declared: Iterable<Declared>, name: string): void {
  for (const { own, strategy } of declared) {
    const { hasAccount } = strategy as Partial<Strategy>
    if (own && hasAccount?.call(strategy, name) === true) throw new BadOption('anonymous.name', 'a name that no account has', 'that of one')
  }
}
