import { BadOption } from '../errors.js'
import { isObject, refuseUnknown } from '../check-option.js'
import { formatChallenge } from '../fields/challenge.js'
import { isToken } from '../fields/grammar.js'
import { isRealm } from '../fields/realm.js'
import { ConcurrencyLimit } from '../concurrency-limit.js'
import type { ConcurrencyLimitOptions } from '../concurrency-limit.js'
import { traitsOf } from '../schemes/traits.js'
import { readCacheOptions } from '../strategies/cache-options.js'
import type { CacheOptions } from '../strategies/cache-options.js'
import { isOurStrategy } from '../strategies/strategy.js'
import type { Strategy } from '../strategies/strategy.js'
import { foreignChallenges, ownChallenges } from './strategy-challenges.js'
import type { ChallengeMaker, StrategyChallenges } from './strategy-challenges.js'
import { findStrategy, isStrategy } from './registry.js'
import type { PassportStrategy, Registry } from './registry.js'
import { isReadable } from './request-view.js'
import { VerdictCache } from './verdict-cache.js'

/**
 * A strategy as the configuration gives it: one of ours as it is, the name of one of ours in
 * `passport`, or any other with what must be known of it.
 */
export type StrategyDeclaration = Strategy | string | DeclaredStrategy

/** A strategy, with what it does not say of itself. */
export interface DeclaredStrategy {
  /** An instance, or a name in `passport`. */
  readonly strategy: string | PassportStrategy
  /**
   * The scheme of the credentials that the strategy reads from `authorization`. It is needed unless
   * the strategy is one of this package. `null`: the strategy reads no such credentials (but a
   * certificate or an address); it runs on every request and never sees `authorization`.
   *
   * @defaultValue the scheme that a strategy of this package has
   */
  readonly scheme?: string | null
  /**
   * The realm of the challenge. It replaces the realm in challenges that a foreign strategy writes;
   * where there is a `challenge`, only if it is given here.
   *
   * @defaultValue the realm that a strategy of this package has, else the realm of the plugin
   */
  readonly realm?: string
  /**
   * Parameters of a foreign strategy's challenge beside the realm.
   *
   * @defaultValue none
   */
  readonly params?: Readonly<Record<string, string>>
  /**
   * The whole challenge of a foreign strategy, in place of realm and `params`: its text, or a
   * function that makes it for each 407. `null`: there is no challenge for this strategy.
   *
   * @defaultValue made from `scheme`, `realm` and `params`
   */
  readonly challenge?: ChallengeMaker | string | null
  /**
   * Gives a foreign strategy the credentials as they came, without a look at the grammar of RFC
   * 9110.
   *
   * @defaultValue none: the grammar is checked
   */
  readonly grammar?: 'opaque'
  /**
   * Other fields that the strategy takes credentials from. They are not forwarded on any route.
   *
   * @defaultValue none: the strategy sees no such field
   */
  readonly reads?: readonly string[]
  /**
   * The second argument of `authenticate`; the realm is added to it.
   *
   * @defaultValue none
   */
  readonly options?: Readonly<Record<string, unknown>>
  /**
   * Remembers the verdicts of a strategy that decides by the credentials alone, and whose
   * credentials are good more than once. `true` takes the defaults.
   *
   * @defaultValue what a strategy of this package says, else `false`
   */
  readonly cache?: boolean | CacheOptions
}

/** What a declaration is read with. */
export interface DeclarationContext {
  /** The realm of the plugin. */
  readonly realm: string
  /** Needed where the strategy is a name: see {@link givesName}. */
  readonly passport?: Registry | undefined
  /** How many requests the strategy may be asked about at a time. Default {@link VERIFIERS}. */
  readonly verifiers?: ConcurrencyLimitOptions | undefined
}

/** Tells whether a declaration names its strategy, which is then to be found in a registry. */
export function givesName (declaration: StrategyDeclaration): boolean {
  return typeof declaration === 'string' || (isObject(declaration) && 'strategy' in declaration && typeof declaration.strategy === 'string')
}

/** The default of {@link DeclarationContext.verifiers}. */
export const VERIFIERS: ConcurrencyLimitOptions = Object.freeze({ concurrency: 32, queue: 1000 })

/**
 * A declaration that has been checked, whose strategy may yet have to be registered in `passport`.
 */
export interface Declaration {
  /** Other fields with credentials, in lower case. */
  readonly reads: readonly string[]
  /**
   * Whether its verdict may need a hash of the content; true of a name, as long as that is unknown.
   */
  readonly mayCoverContent: boolean
  /**
   * Finds the strategy and settles all that depends on it. For the end of the boot (`onReady`),
   * because `passport.use` may come after the plugin. The same result each time.
   *
   * @throws {BadOption} There is no such strategy, or neither it nor the declaration says its
   *   scheme, or they differ.
   * @throws {NotRepresentable} Its challenge cannot be sent.
   */
  resolve (): Declared
}

/** A strategy, ready to run. Frozen. */
export interface Declared extends StrategyChallenges {
  /** What errors and logs call it. */
  readonly name: string
  readonly strategy: PassportStrategy
  /**
   * Whether it is one of ours: those say 400 only when they mean it, and check their own grammar.
   */
  readonly own: boolean
  /** In its registered case; `null`: it runs on every request. */
  readonly scheme: string | null
  readonly realm: string
  /** What is checked before it runs: nothing for `own` and `opaque`. */
  readonly grammar: 'own' | 'rfc9110' | 'opaque'
  /** Other fields with credentials, in lower case. */
  readonly reads: readonly string[]
  /** The second argument of `authenticate`. */
  readonly options: Readonly<Record<string, unknown>>
  /** What is known of credentials; `null`: the strategy is asked each time. */
  readonly cache: VerdictCache | null
  /** Whose turn it is to be asked about. */
  readonly turns: ConcurrencyLimit
}

/**
 * Checks a declaration.
 *
 * @throws {BadOption} It is no declaration, or has a wrong option.
 * @example
 * const jwt = readDeclaration({ strategy: 'jwt', scheme: 'Bearer' }, { realm: 'gw', passport })
 * jwt.resolve().scheme // 'Bearer'
 */
export function readDeclaration (declaration: StrategyDeclaration, context: DeclarationContext): Declaration {
  const declared: DeclaredStrategy = typeof declaration === 'string' || isStrategy(declaration)
    ? { strategy: declaration }
    : declaration
  check(declared)
  readCacheOptions(declared.cache, 'strategies[].cache')
  const reads = Object.freeze((declared.reads ?? []).map((field) => field.toLowerCase()))
  let resolved: Declared | undefined
  const { strategy } = declared
  const mayCoverContent = typeof strategy === 'string' || (isOwn(strategy) && strategy.coversContent)
  return Object.freeze({ reads, mayCoverContent, resolve: () => (resolved ??= resolve(declared, reads, context)) })
}

function resolve (declared: DeclaredStrategy, reads: readonly string[], context: DeclarationContext): Declared {
  const given = declared.strategy
  const strategy = typeof given === 'string' ? findStrategy(context.passport!, given) : given
  const name = nameOf(given)
  const own = isOwn(strategy)
  const scheme = settleScheme(name, own ? strategy.scheme : undefined, declared.scheme)
  const realm = declared.realm ?? (own ? strategy.realm : undefined) ?? context.realm
  for (const option of own || scheme === null ? FOREIGN : []) {
    if (declared[option] === undefined) continue
    throw new BadOption(of(option, given), 'left out where the strategy is one of ours or the scheme null', typeof declared[option])
  }
  const cache = declared.cache === undefined ? (own ? strategy.cache ?? null : null) : readCacheOptions(declared.cache)
  if (cache !== null && !isCacheable(scheme, reads)) {
    throw new BadOption(of('cache', given), 'left out where more than the credentials decides, or they are good only once', 'it')
  }
  const offering = own
    ? ownChallenges(strategy, realm)
    : foreignChallenges({
      name,
      scheme,
      realm,
      overrideRealm: declared.realm !== undefined,
      params: declared.params,
      challenge: declared.challenge
    })
  return Object.freeze({
    ...offering,
    name,
    strategy,
    own,
    scheme,
    realm,
    grammar: declared.grammar ?? (own ? 'own' : 'rfc9110'),
    reads,
    options: Object.freeze({ ...declared.options, realm }),
    cache: cache === null ? null : new VerdictCache(cache, own && scheme === 'Basic'),
    turns: new ConcurrencyLimit(context.verifiers ?? VERIFIERS)
  })
}

function isCacheable (scheme: string | null, reads: readonly string[]): boolean {
  return scheme !== null && reads.length === 0 && !traitsOf(scheme).goodOnce
}

const FOREIGN = ['params', 'challenge', 'grammar'] as const

function isOwn (strategy: PassportStrategy): strategy is Strategy {
  return isOurStrategy(strategy)
}

function nameOf (strategy: string | PassportStrategy): string {
  return typeof strategy === 'string' ? strategy : strategy.name ?? 'without a name'
}

// How errors call an option.
function of (option: string, strategy: string | PassportStrategy): string {
  return `${option} of strategy '${nameOf(strategy)}'`
}

function settleScheme (
  name: string, own: string | null | undefined, declared: string | null | undefined
): string | null {
  const scheme = own === undefined ? declared : own
  if (scheme === undefined) {
    const wanted = "given, as it is not one of ours: write { strategy, scheme: 'Bearer' } with the scheme that it reads, or null for none"
    throw new BadOption(of('scheme', name), wanted, 'undefined')
  }
  if (own !== undefined && declared !== undefined && own?.toLowerCase() !== declared?.toLowerCase()) {
    throw new BadOption(of('scheme', name), `${own}, which it says itself`, 'another')
  }
  return scheme === null ? null : formatChallenge({ scheme })
}

type OptionCheck = readonly [what: string, holds: (value: unknown) => boolean]

const CHECKS: ReadonlyMap<string, OptionCheck> = new Map<keyof DeclaredStrategy, OptionCheck>([
  ['strategy', ['a strategy or the name of one', (value) => isText(value) || isStrategy(value)]],
  ['scheme', ['a scheme or null', (value) => value === null || (isText(value) && isToken(value))]],
  ['realm', ['text in printable ASCII', isRealm]],
  ['params', ['an object of texts', (value) => isObject(value) && Object.values(value).every((text) => typeof text === 'string')]],
  ['challenge', ['text, a function or null', (value) => value === null || isText(value) || typeof value === 'function']],
  ['grammar', ["'opaque'", (value) => value === 'opaque']],
  ['reads', ['names of fields, none of which the origin authenticates with or the message is framed with', isReads]],
  ['options', ['an object', isObject]],
  ['cache', ['true, false or an object', (value) => typeof value === 'boolean' || isObject(value)]]
])

const OPTIONS = new Set(CHECKS.keys())

function isReads (value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => isText(name) && isToken(name) && isReadable(name.toLowerCase()))
}

function check (declared: DeclaredStrategy): void {
  if (!isObject(declared)) throw new BadOption('strategies', 'a list of strategies, names and declarations', typeof declared)
  refuseUnknown(declared, OPTIONS, 'strategies[].')
  for (const option of OPTIONS) {
    const value: unknown = declared[option as keyof DeclaredStrategy]
    if (value === undefined && option !== 'strategy') continue
    const [what, holds] = CHECKS.get(option)!
    if (!holds(value)) throw new BadOption(`strategies[].${option}`, what, value === null ? 'null' : typeof value)
  }
}

function isText (value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
