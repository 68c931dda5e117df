import { BadOption } from '../errors.js'
import type { Eventual } from '../eventual.js'
import { formatChallenge } from '../fields/challenge.js'
import type { Challenge } from '../fields/challenge.js'
import { parseCredentials } from '../fields/credentials.js'
import { badOption, checkOptions } from '../check-option.js'
import { bearerChallenge, formatScope, readToken } from '../schemes/bearer.js'
import type { BearerError } from '../schemes/bearer.js'
import { reloadSources } from '../store/reload-sources.js'
import { readCacheOptions } from './cache-options.js'
import type { CacheOptions, CacheSettings } from './cache-options.js'
import { Strategy, isRight, isScheme } from './strategy.js'
import type { Accepted, AttemptOptions, AttemptRequest, ChallengeContext } from './strategy.js'

/**
 * Says whose a token is: the user, or `[user, info]`; nothing (`null`, `undefined`, `false`) when
 * it is invalid, an object with `error` when more is to be said. Throws or rejects only when it
 * cannot tell.
 *
 * The token is text of the client: nothing of it has been checked. Check the audience too, a token
 * for an origin is none for the proxy before it.
 */
export type VerifyToken = (token: string) => Eventual<Accepted | BearerError | null | undefined | false>

/** Options of {@link BearerStrategy}. */
export interface BearerOptions {
  /**
   * Judges a token: `(token)` gives the user, `[user, info]`, `null`, or an object with `error`,
   * such as `{ error: 'insufficient_scope', scope }`, which is 403.
   */
  readonly verify: VerifyToken
  /**
   * The realm of the challenge.
   *
   * @defaultValue the realm of the plugin
   */
  readonly realm?: string
  /**
   * The scope that the challenge announces, separated by spaces or as a list. To check it is the
   * task of `verify`.
   *
   * @defaultValue none
   */
  readonly scope?: string | readonly string[]
  /**
   * Accepts tokens with chars outside the grammar, such as `secret-token:…` of RFC 8959. Without it
   * they are 400.
   *
   * @defaultValue `false`
   */
  readonly lenient?: boolean
  /**
   * Remembers for a while what `verify` said, for tokens that another server has to be asked about.
   * A token is then accepted that much longer than it should be. `true` takes the defaults.
   *
   * @defaultValue `false`
   */
  readonly cache?: boolean | CacheOptions
}

const INVALID_REQUEST = { error: 'invalid_request' } as const
const INVALID_TOKEN = { error: 'invalid_token' } as const
// What has no status here is 401, and 407 on a proxy.
const STATUS = new Map<string, number>([['invalid_request', 400], ['insufficient_scope', 403]])

const OPTIONS = new Set(['verify', 'realm', 'scope', 'lenient', 'cache'])

/**
 * Bearer: a token in every request, from the field alone, never from query or body. No browser and
 * no common client answers its challenge to a proxy; it is for programs that send the token
 * unasked.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750 RFC 6750}
 * @example
 * new BearerStrategy({
 *   verify: async (token) => {
 *     const session = await sessions.find(token)
 *     if (session === undefined) return null
 *     if (session.scope.includes('egress')) return session.user
 *     return { error: 'insufficient_scope', scope: 'egress' }
 *   }
 * })
 */
export class BearerStrategy extends Strategy {
  override readonly name = 'bearer'
  override readonly scheme = 'Bearer'
  override readonly cache: CacheSettings | null
  private readonly verify: VerifyToken
  private readonly scope: string
  private readonly lenient: boolean

  /**
   * @throws {BadOption} An option is unknown, or has the wrong type, or the realm or the scope a
   *   char that may not be sent.
   */
  constructor (options = {} as BearerOptions) {
    super(checkOptions(options, OPTIONS, 'an object, as { verify: (token) => user }').realm)
    if (typeof options.verify !== 'function') throw badOption('verify', 'a function', options.verify)
    this.verify = options.verify
    this.cache = readCacheOptions(options.cache)
    this.scope = checkedScope(options.scope ?? [])
    this.lenient = options.lenient ?? false
  }

  override authenticate (request: AttemptRequest, options?: AttemptOptions): void {
    let token: string | undefined
    try {
      token = this.read(request.headers.authorization)
    } catch {
      return this.refuse(options, INVALID_REQUEST)
    }
    if (token === undefined) return this.refuse(options)
    this.decide(this.verify, token, (accepted) => {
      if (!isRight(accepted)) this.refuse(options, INVALID_TOKEN)
      else if (isRefusal(accepted)) this.refuse(options, accepted)
      else this.accept(accepted, {})
    })
  }

  override async reload (): Promise<false | void> {
    return await reloadSources(this.verify)
  }

  override challenge ({ realm }: ChallengeContext): Challenge {
    return bearerChallenge(realm, this.scope)
  }

  private refuse (options: AttemptOptions | undefined, refusal?: BearerError): void {
    const challenge = formatChallenge(bearerChallenge(this.realmOf(options), this.scope, refusal))
    this.fail(challenge, refusal && STATUS.get(refusal.error))
  }

  private read (value: string | undefined): string | undefined {
    // Another scheme has another grammar, so of that one only the scheme is read.
    if (value === undefined || !isScheme(value, 'bearer')) return undefined
    return readToken(parseCredentials(value, { lenient: this.lenient }))
  }
}

function isRefusal (accepted: Accepted | BearerError): accepted is BearerError {
  return typeof (accepted as BearerError).error === 'string'
}

function checkedScope (scope: string | readonly string[]): string {
  const tokens = typeof scope === 'string' ? scope.split(' ') : [...scope]
  const text = formatScope(tokens)
  if (text !== tokens.join(' ')) throw new BadOption('scope', 'scope tokens of RFC 6750', 'text with other chars')
  return text
}
