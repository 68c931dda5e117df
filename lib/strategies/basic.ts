import type { Eventual } from '../eventual.js'
import { formatChallenge } from '../fields/challenge.js'
import type { Challenge } from '../fields/challenge.js'
import { parseCredentials } from '../fields/credentials.js'
import { badOption, checkOptions } from '../check-option.js'
import { readUserPass } from '../schemes/basic.js'
import type { UserPass } from '../schemes/basic.js'
import { hasAccount } from '../store/known-accounts.js'
import { reloadSources } from '../store/reload-sources.js'
import { readCacheOptions } from './cache-options.js'
import type { CacheOptions, CacheSettings } from './cache-options.js'
import { Strategy, isRight, isScheme } from './strategy.js'
import type { Accepted, AttemptOptions, AttemptRequest, ChallengeContext } from './strategy.js'

/**
 * Says whether a pair is right: the user, or `[user, info]`; nothing (`null`, `undefined`, `false`)
 * when it is wrong. Throws or rejects only when it cannot tell.
 *
 * An unknown user should cost what a wrong password costs, and secrets be compared in constant
 * time: see {@link verifyStatic} and {@link timingSafeEqualText}.
 */
export type VerifyUserPass = (pair: UserPass) => Eventual<Accepted | null | undefined | false>

/** Options of {@link BasicStrategy}. */
export interface BasicOptions {
  /** Judges a pair: `({ username, password })` gives the user, `[user, info]` or `null`. */
  readonly verify: VerifyUserPass
  /**
   * The realm of the challenge.
   *
   * @defaultValue the realm of the plugin
   */
  readonly realm?: string
  /**
   * Whether the challenge asks for UTF-8. Clients that know it send UTF-8 anyway.
   *
   * @defaultValue `true`
   */
  readonly charset?: boolean
  /**
   * Takes credentials that are not UTF-8 for ISO-8859-1. Without it they are 400.
   *
   * @defaultValue `false`
   */
  readonly latin1Fallback?: boolean
  /**
   * Remembers for a while what `verify` said, so that slow hashes and directories are not asked for
   * each request. It works where this plugin runs the strategy. `true` takes the defaults.
   *
   * @defaultValue `false`
   */
  readonly cache?: boolean | CacheOptions
}

const OPTIONS = new Set(['verify', 'realm', 'charset', 'latin1Fallback', 'cache'])

/**
 * Basic: one round trip, no state, the password in every request. For a proxy or, in any Passport,
 * for an origin.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7617 RFC 7617}
 * @example
 * new BasicStrategy({
 *   verify: async ({ username, password }) => await directory.bind(username, password)
 * })
 */
export class BasicStrategy extends Strategy {
  override readonly name = 'basic'
  override readonly scheme = 'Basic'
  override readonly cache: CacheSettings | null
  private readonly verify: VerifyUserPass
  private readonly charset: boolean
  private readonly latin1Fallback: boolean

  /**
   * @throws {BadOption} An option is unknown, or has the wrong type, or the realm cannot be sent.
   */
  constructor (options = {} as BasicOptions) {
    super(checkOptions(options, OPTIONS, 'an object, as { verify: ({ username, password }) => user }').realm)
    if (typeof options.verify !== 'function') throw badOption('verify', 'a function', options.verify)
    this.verify = options.verify
    this.cache = readCacheOptions(options.cache)
    this.charset = options.charset ?? true
    this.latin1Fallback = options.latin1Fallback ?? false
  }

  override authenticate (request: AttemptRequest, options?: AttemptOptions): void {
    let pair: UserPass | undefined
    try {
      pair = this.read(request.headers.authorization)
    } catch (malformed) {
      return this.fail(malformed, 400)
    }
    if (pair === undefined) return this.refuse(options)
    const { username } = pair
    this.decide(this.verify, pair, (accepted) => {
      if (isRight(accepted)) this.accept(accepted, { userId: username })
      else this.refuse(options)
    })
  }

  override hasAccount (name: string): boolean {
    return hasAccount(this.verify, name)
  }

  override async reload (): Promise<false | void> {
    return await reloadSources(this.verify)
  }

  override challenge ({ realm }: ChallengeContext): Challenge {
    return { scheme: 'Basic', params: this.charset ? { realm, charset: 'UTF-8' } : { realm } }
  }

  private refuse (options: AttemptOptions | undefined): void {
    this.fail(formatChallenge(this.challenge({ realm: this.realmOf(options) })))
  }

  private read (value: string | undefined): UserPass | undefined {
    // Another scheme has another grammar, so of that one only the scheme is read.
    if (value === undefined || !isScheme(value, 'basic')) return undefined
    return readUserPass(parseCredentials(value), { latin1Fallback: this.latin1Fallback })
  }
}

/**
 * Writes Basic credentials in one way: several texts mean one pair (Unicode forms, padding,
 * spaces).
 *
 * @returns `undefined` when they mean none. No field value is what this returns.
 */
export function canonicalBasic (value: string): string | undefined {
  try {
    const pair = readUserPass(parseCredentials(value))
    return pair && `basic\n${JSON.stringify([pair.username, pair.password])}`
  } catch {
    return undefined
  }
}

/**
 * Reads who presents Basic credentials, right or wrong.
 *
 * @returns `undefined` when there is nothing to read.
 * @throws {MalformedField} The value does not follow the grammar of credentials.
 * @throws {MalformedCredentials} It does not follow that of Basic.
 * @example
 * readBasicUser('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==') // 'Aladdin'
 */
export function readBasicUser (value: string): string | undefined {
  return readUserPass(parseCredentials(value), { latin1Fallback: true })?.username
}
