import type { KeyObject } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { isThenable } from '../eventual.js'
import type { Eventual } from '../eventual.js'
import { formatChallenge } from '../fields/challenge.js'
import type { Challenge } from '../fields/challenge.js'
import { readScheme } from '../fields/credentials.js'
import { readRealm } from '../fields/realm.js'
import type { ReplayStore } from '../store/store.js'
import type { AcceptedUser } from '../types.js'
import type { CacheSettings } from './cache-options.js'
import type { Handshake } from './handshake.js'

/**
 * What a strategy of ours reads of a request. A Fastify request, an Express one and our own view
 * all have it.
 */
export interface AttemptRequest {
  /**
   * `authorization` is the credentials to judge. For a proxy that is the value of
   * `Proxy-Authorization`.
   */
  readonly headers: Readonly<IncomingHttpHeaders>
  readonly method?: string | undefined
  /** The request-target. */
  readonly url?: string | undefined
  /** The same before a router has taken something off it. */
  readonly originalUrl?: string | undefined
  /** `1.0`, `1.1` or `2.0`. */
  readonly httpVersion?: string | undefined
  readonly ip?: string | undefined
  readonly socket?: Socket | undefined
  /**
   * Hashes of the content, as it came less its transfer-coding, in lower-case hex by node's name of
   * the hash. There is one only where a strategy has asked for it
   * ({@link Strategy.contentHashFor}); of no content, it is the hash of nothing.
   */
  readonly contentHash?: Readonly<Record<string, string>> | undefined
  /**
   * True where there is content that has not been read yet, and the runner reads it once a strategy
   * says that it needs it ({@link RefusalNote.needsContent}).
   */
  readonly readsContent?: boolean
  /**
   * The lines of fields by their names in lower case, as they came, one char per octet. There are
   * those only that a strategy has asked for ({@link Strategy.coveredFields}), and that the request
   * has.
   */
  readonly fieldLines?: Readonly<Record<string, readonly string[]>> | undefined
  /**
   * The leg of a handshake, for a strategy whose scheme authenticates the connection. Only this
   * plugin's own runner has one.
   */
  readonly handshake?: Handshake | undefined
}

/**
 * The second argument of `authenticate`. Passport hands over what its own
 * `authenticate(name, options)` got.
 */
export interface AttemptOptions {
  /**
   * The realm to challenge for. It goes before the strategy's own, so that one instance serves
   * several.
   */
  readonly realm?: string
  readonly [option: string]: unknown
}

/** What a challenge may depend on. */
export interface ChallengeContext {
  readonly realm: string
  /** Left out when the boot asks, to see that the challenge can be sent at all. */
  readonly request?: AttemptRequest
}

/** One challenge, several of one scheme in their order, or `null`: not offered on this request. */
export type Offer = Challenge | readonly Challenge[] | null

/**
 * What a strategy of ours says of a refusal to its runner: for the log, and for limits. It is
 * the third argument of `fail`, at which Passport does not look.
 */
export interface RefusalNote {
  /** Why, in a word of ours. */
  readonly reason: string
  /**
   * The user that it is about, if there is one; else `null`: people type passwords there.
   */
  readonly userId: string | null
  /**
   * Whether a secret was tried and is wrong. False where it was right, or where it was not
   * looked at.
   */
  readonly guess: boolean
  /**
   * True: the credentials are wrong, though no secret was guessed, as with a ticket that does not
   * verify. That counts for the connection, which is closed at the tenth, and not for `attempts`.
   * Left out: what `guess` says.
   */
  readonly wrong?: true
  /**
   * True: so far nothing is wrong, and the verdict needs the content. Only where
   * {@link AttemptRequest.readsContent} is true: the runner then reads it and asks again. Content
   * is kept for no other request.
   */
  readonly needsContent?: true
}

/** A user, alone or with what Passport calls info. */
export type Accepted = AcceptedUser | readonly [user: AcceptedUser, info: object]

/** What strategies may use of the Redis that processes share: option `redis`. */
export interface SharedReplays {
  /** Remembers what counts once, for all of them. */
  readonly store: ReplayStore
  /** Signs nonces in all of them. */
  readonly key: KeyObject
}

/** The realm of a strategy that was given none, neither by its options nor by its runner. */
export const DEFAULT_REALM = 'Restricted'

/**
 * Passport's contract, without the types of Express.
 *
 * A strategy judges one request and calls exactly one of five actions. Its runner (this plugin,
 * Passport or @fastify/passport) makes an object that inherits from it for each attempt and puts
 * the actions there. So a strategy may keep nothing of an attempt on `this`, and no `#private`
 * members, which do not inherit.
 *
 * Beyond the contract, a strategy of ours knows its scheme and makes its own challenges: so the
 * proxy can run it for its scheme only, and can list its challenge on a 407 although another
 * strategy ran, or none.
 *
 * @see {@link https://www.passportjs.org/packages/passport-strategy/ passport-strategy}
 * @example
 * class Guest extends Strategy {
 *   readonly name = 'guest'
 *   readonly scheme = null
 *   authenticate () { this.success({ username: 'guest' }) }
 *   challenge () { return null }
 * }
 */
export abstract class Strategy {
  /** What `passport.use(strategy)` registers it as, and what errors call it. */
  abstract readonly name: string
  /**
   * The scheme of its credentials, or `null`: it runs on every request and reads no credentials.
   */
  abstract readonly scheme: string | null
  /** Its own realm; `undefined` takes the realm of its runner. */
  readonly realm: string | undefined
  /**
   * True when every challenge must be made anew: it holds a nonce, or depends on the request.
   * Default false.
   */
  readonly fresh: boolean = false
  /**
   * True when a verdict may need a hash of the content, so that {@link contentHashFor} is worth
   * asking. Default false.
   */
  readonly coversContent: boolean = false
  /**
   * How long its verdicts may be remembered, where the credentials alone decide them and good ones
   * are good again, as option `cache` says. Default `null`: it is asked each time.
   */
  readonly cache: CacheSettings | null = null

  /** Accepts the request, as `user`. */
  declare success: (user: AcceptedUser, info?: unknown) => void
  /**
   * Refuses the credentials, or their absence. `challenge` is a field value or, for a 400, the
   * error; without `status` it is 401, which a proxy turns into 407. Without `note`, a refusal of
   * credentials is a wrong guess.
   */
  declare fail: (challenge?: unknown, status?: number, note?: RefusalNote) => void
  /** Reports that the strategy cannot decide: an error of the gateway, never of the client. */
  declare error: (cause: unknown) => void
  /** Decides nothing. On a proxy that is a refusal. */
  declare pass: () => void
  /** Sends a browser elsewhere. On a proxy it is a mistake in the configuration. */
  declare redirect: (url: string, status?: number) => void

  /**
   * @throws {BadOption} The realm is no text in printable ASCII.
   */
  constructor (realm?: string) {
    this.realm = realm === undefined ? undefined : readRealm(realm)
  }

  /**
   * Called once when the application is ready, before its first request. It throws or rejects where
   * it could never work: that ends the boot.
   *
   * @param _shared - Gives what processes share, where they do, to a strategy that has nothing of
   *   its own in its place.
   */
  prepare (_shared?: () => SharedReplays): void | Promise<void> {}

  /**
   * Whether this strategy has an account of that name, as far as it can say without asking
   * elsewhere. The boot asks it about the name of anonymous access, which no user may have.
   */
  hasAccount (_name: string): boolean {
    return false
  }

  /**
   * Reads anew what accounts are read from: called by `app.proxyAuthReload()`. The strategies of
   * this package call `reload` of their verifier or look-up, where that has such a method. It
   * throws or rejects where that cannot be done, and keeps the accounts that it has.
   *
   * @returns `false`: there was nothing to read, so remembered verdicts stay.
   */
  async reload (): Promise<false | void> {
    return false
  }

  /** Judges one request; calls one action, now or later. */
  abstract authenticate (request: AttemptRequest, options?: AttemptOptions): void | Promise<void>

  /**
   * Makes what this strategy is asked with. Called at the boot, and on each 407 if it is `fresh`.
   */
  abstract challenge (context: ChallengeContext): Eventual<Offer>

  /**
   * Says which hash of the content the verdict will need, by node's name; `null`: none. Asked
   * before `authenticate` by a runner that can read the content of a request and keep it until the
   * verdict, where there is content. It is read only when `authenticate` then says that it needs it
   * ({@link RefusalNote.needsContent}).
   */
  contentHashFor (_request: AttemptRequest, _options?: AttemptOptions): string | null {
    return null
  }

  /**
   * Names the fields, in lower case, that these credentials say they cover, the origin's own
   * included. Asked before all else by a runner that shows strategies some fields only.
   */
  coveredFields (_request: AttemptRequest, _options?: AttemptOptions): readonly string[] {
    return []
  }

  /** The realm of this attempt: what the runner says, else the strategy's own. */
  protected realmOf (options: AttemptOptions | undefined): string {
    return options?.realm ?? this.realm ?? DEFAULT_REALM
  }

  /** Asks a verifier, and hands on what it says. It may throw, reject, decide now or later. */
  protected decide<Presented, Verdict> (
    verify: (presented: Presented) => Eventual<Verdict>, presented: Presented, answer: (verdict: Verdict) => void
  ): void {
    let verdict: Eventual<Verdict>
    try {
      verdict = verify(presented)
    } catch (cause) {
      return this.error(cause)
    }
    if (!isThenable(verdict)) return answer(verdict)
    // The second `then` also sees what the answer threw, which is the code of the runner.
    verdict.then(answer).then(undefined, (cause) => this.error(cause))
  }

  /** Accepts the request for the user that a verifier has given. */
  protected accept (accepted: Accepted, extra: object): void {
    const [user, info] = isPair(accepted) ? accepted : [accepted]
    this.success(user, { ...extra, ...info })
  }
}

/** In the registry of all copies of this package, of which a program may have two. */
const BRAND = Symbol.for('fastify-proxy-auth.strategy')
Object.defineProperty(Strategy.prototype, BRAND, { value: true })

/**
 * Tells whether a strategy extends {@link Strategy}; one that only has members of the same names
 * does not.
 */
export function isOurStrategy (strategy: object): strategy is Strategy {
  return BRAND in strategy
}

/**
 * Writes an offer as field lines, one per challenge.
 *
 * @throws {NotRepresentable} A challenge cannot be sent.
 * @example
 * formatOffer({ scheme: 'Basic', params: { realm: 'x' } }) // ['Basic realm="x"']
 */
export function formatOffer (offer: Offer): readonly string[] {
  if (offer === null) return []
  return isList(offer) ? offer.map(formatChallenge) : [formatChallenge(offer)]
}

/** Tells whether a field value has this scheme, given in lower case. Looks at nothing behind it. */
export function isScheme (value: string, scheme: string): boolean {
  return readScheme(value)?.toLowerCase() === scheme
}

/** Tells whether a verifier has accepted: nothing, in any of its spellings, is a no. */
export function isRight<Value> (value: Value): value is Exclude<Value, null | undefined | false | ''> {
  return Boolean(value)
}

// Array.isArray does not narrow a readonly array.
const isList: (offer: Challenge | readonly Challenge[]) => offer is readonly Challenge[] = Array.isArray

function isPair (accepted: Accepted): accepted is readonly [AcceptedUser, object] {
  return Array.isArray(accepted)
}
