import { hash } from 'node:crypto'
import { BadOption, MalformedCredentials, StoreFull } from '../../errors.js'
import { isThenable } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { Challenge } from '../../fields/challenge.js'
import { formatChallenge } from '../../fields/challenge.js'
import { parseCredentials } from '../../fields/credentials.js'
import { parseExtValue } from '../../fields/ext-value.js'
import { digestChallenge } from '../../schemes/digest/challenge.js'
import type { DigestOffer } from '../../schemes/digest/challenge.js'
import { MAX_REALM_LENGTH, readDigestParameters } from '../../schemes/digest/parameters.js'
import { isSignedTarget } from '../../schemes/digest/uri-match.js'
import { checkUsername, decodeEscapedUsername, decodeUsername } from '../../schemes/digest/username.js'
import { compareWithOffer, verifyResponse } from '../../schemes/digest/verify.js'
import type { DigestExchange, OfferedParameters } from '../../schemes/digest/verify.js'
import { hasAccount } from '../../store/known-accounts.js'
import { reloadSources } from '../../store/reload-sources.js'
import { hashOfContent } from '../content-hash.js'
import { DigestNonces } from './nonces.js'
import { readDigestOptions } from './options.js'
import type { DigestAccount, DigestOptions, DigestRefusalReason, DigestSettings } from './options.js'
import { Strategy, isRight, isScheme } from '../strategy.js'
import type { AttemptOptions, AttemptRequest, ChallengeContext, RefusalNote, SharedReplays } from '../strategy.js'

/** The second argument of `success`. */
export interface DigestInfo {
  /** The user name of the credentials, plain. */
  readonly userId: string
  /**
   * The parameters of `Proxy-Authentication-Info`, complete. With `auth-int` they say `qop=auth`,
   * as the response is not known yet.
   */
  readonly proxyAuthenticationInfo: Readonly<Record<string, string>>
  /**
   * Not enumerable. With `auth-int`, what has hashed the response gets the parameters from here.
   */
  readonly digest: DigestExchange
}

/** As much work as the password of a user. It is compared with nothing. */
const NOBODYS = 'nobodys-password'

/** In credentials that have it anywhere, it may be their qop. */
const OVER_CONTENT = /auth-int/i

/** What is known of an attempt that is under way. */
interface DigestAttempt {
  readonly request: AttemptRequest
  readonly offer: DigestOffer
  readonly params: OfferedParameters
}

interface Found {
  readonly username: string
  readonly account: DigestAccount | null
}

/**
 * Digest, all of RFC 7616: the password never travels, each request is good for once, and the
 * response proves that the server knows the password too.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616 RFC 7616}
 * @example
 * new DigestStrategy({
 *   lookup: async (username, realm, hash) => await accounts.find(username, realm, hash)
 * })
 */
export class DigestStrategy extends Strategy {
  override readonly name = 'digest'
  override readonly scheme = 'Digest'
  override readonly fresh = true
  override readonly coversContent: boolean
  private readonly settings: DigestSettings
  private nonces: DigestNonces
  private readonly has: { readonly store: boolean, readonly keys: boolean }
  /** By realm, of which the configuration has few. */
  private readonly offers = new Map<string, DigestOffer>()

  /**
   * @throws {BadOption} An option is wrong, or unknown.
   */
  constructor (options: DigestOptions) {
    super(options?.realm)
    this.settings = readDigestOptions(options)
    this.coversContent = this.settings.qop.includes('auth-int')
    this.nonces = new DigestNonces(this.settings)
    this.has = { store: options.store !== undefined, keys: options.keys !== undefined }
    this.offerFor(this.realmOf(undefined)) // a realm that is too long stops the boot, not the first client
  }

  override authenticate (request: AttemptRequest, options?: AttemptOptions): void {
    const offer = this.offerFor(this.realmOf(options))
    let params: OfferedParameters | DigestRefusalReason | undefined
    try {
      params = this.read(request, offer)
    } catch (malformed) {
      return this.fail(malformed, 400)
    }
    if (params === undefined) return this.challengeAgain(offer, false)
    if (params === 'uri') return this.refuseUri()
    if (typeof params === 'string') return this.refuse(offer, params, null)
    const attempt = { request, offer, params }
    this.decide((offered) => this.find(offered), params, (found) => this.judge(attempt, found))
  }

  /** Nonces are those of all processes, unless the options say where they are kept. */
  override prepare (shared?: () => SharedReplays): void {
    if (shared === undefined || this.has.store) return
    const { store, key } = shared()
    this.nonces = new DigestNonces({ ...this.settings, store, keys: this.has.keys ? this.settings.keys : [key] })
  }

  override hasAccount (name: string): boolean {
    return hasAccount(this.settings.lookup, name)
  }

  override async reload (): Promise<false | void> {
    return await reloadSources(this.settings.lookup, this.settings.lookupHash)
  }

  override challenge ({ realm }: ChallengeContext): readonly Challenge[] {
    return this.challenges(this.offerFor(realm), false)
  }

  /**
   * The content of strangers, who do not know a nonce of ours, need not be read, nor that for
   * credentials that are refused anyway. Whether there is such a user, `authenticate` says.
   */
  override contentHashFor (request: AttemptRequest, options?: AttemptOptions): string | null {
    const { headers: { authorization = '' } } = request
    if (!this.coversContent || !OVER_CONTENT.test(authorization)) return null
    try {
      const params = this.read(request, this.offerFor(this.realmOf(options)))
      if (typeof params !== 'object' || !isOverContent(params) || !this.nonces.isValid(params)) return null
      return params.algorithm.nodeHash
    } catch {
      return null // `authenticate` will say what is wrong
    }
  }

  /** Reads the credentials as far as that goes without looking anything up. */
  private read (request: AttemptRequest, offer: DigestOffer): OfferedParameters | DigestRefusalReason | undefined {
    const value = request.headers.authorization
    // Another scheme has another grammar, so of that one only the scheme is read.
    if (value === undefined || !isScheme(value, 'digest')) return undefined
    const params = readDigestParameters(parseCredentials(value), this.settings)
    const offered = params && compareWithOffer(params, offer)
    if (typeof offered !== 'object') return offered
    if (this.settings.uri === 'any') return offered
    const { method = '', headers: { host }, socket } = request
    const target = request.originalUrl ?? request.url ?? ''
    const encrypted = socket !== undefined && 'encrypted' in socket
    return isSignedTarget(offered.uri, { method, target, host, encrypted }) ? offered : 'uri'
  }

  private find (params: OfferedParameters): Eventual<Found> {
    const { username, userhash, realm, algorithm: { hash } } = params
    const { lookup, lookupHash } = this.settings
    if (userhash) {
      return then(lookupHash!(username, realm, hash), (account) => {
        if (!isRight(account)) return { username, account: null }
        if (typeof account.username === 'string') return { username: account.username, account }
        throw new TypeError('an account found by its hash has no username')
      })
    }
    return then(lookup(username, realm, hash), (account) => {
      const found = { username, account: isRight(account) ? account : null }
      const unescaped = decodeEscapedUsername(username)
      if (unescaped === null) return found
      // For a user that was found as well, whom the time would tell from others.
      return then(lookup(unescaped, realm, hash), (second) =>
        found.account === null && isRight(second) ? { username: unescaped, account: second } : found)
    })
  }

  private judge (attempt: DigestAttempt, { username, account }: Found): void {
    const { request, offer, params } = attempt
    const contentHash = isOverContent(params) ? hashOfContent(request, params.algorithm.nodeHash) : undefined
    if (contentHash === null) return this.judgeUnread(attempt, account && username)
    // The work is the same whether there is such a user or not.
    const password = this.form(account?.password ?? NOBODYS)
    const secret = account?.password === undefined ? account : { password }
    const exchange = verifyResponse(params, username, secret, { method: request.method!, contentHash })
    if (exchange === null || account === null) {
      return this.refuse(offer, account === null ? 'user' : 'response', account && username)
    }
    // From here on the client knows the password: whatever is wrong now is stale, and the user need
    // not be asked for it again.
    this.decide((offered) => this.nonces.redeem(offered, username), params, (redeemed) => {
      if (redeemed.kind === 'fresh') this.grant(account, username, exchange, redeemed.nextnonce)
      else if (redeemed.kind === 'full') this.error(new StoreFull(redeemed.retryAfter))
      else this.refuse(offer, redeemed.reason, username, true)
    })
  }

  private grant (
    account: DigestAccount, userId: string, exchange: DigestExchange, nextnonce: string | undefined
  ): void {
    const proxyAuthenticationInfo = { ...(nextnonce !== undefined && { nextnonce }), ...exchange.authenticationInfo() }
    const info = Object.defineProperty({ ...account.info, userId, proxyAuthenticationInfo }, 'digest', { value: exchange })
    this.success(account.user ?? { username: userId }, info)
  }

  /** No challenge helps a client that has signed another request (RFC 7616, 3.4.6). */
  private refuseUri (): void {
    this.settings.onRefused({ reason: 'uri', username: null })
    const note = { reason: 'uri', userId: null, guess: false }
    this.fail(new MalformedCredentials('uri is not the target of the request'), 400, note)
  }

  /**
   * Nothing is kept for the name of a user that does not exist, or strangers could take the room.
   * The price: a client that waits with the content learns whether there is such a user.
   */
  private judgeUnread (attempt: DigestAttempt, username: string | null): void {
    const { request, offer, params } = attempt
    if (request.readsContent !== true || !this.nonces.isValid(params)) return this.refuseUnread(attempt, username)
    if (username === null) return this.refuse(offer, 'user', null)
    this.fail(undefined, undefined, { reason: 'content', userId: username, guess: false, needsContent: true })
  }

  /**
   * Credentials over content that was not read are not judged. With a nonce that is no good the
   * client tries again; with a good one there is no content to be had here, so all that helps is to
   * leave it out.
   */
  private refuseUnread ({ offer, params }: DigestAttempt, username: string | null): void {
    if (!this.nonces.isValid(params)) this.refuse(offer, 'nonce', username, true)
    else this.refuse({ ...offer, qop: ['auth'] }, 'content', username)
  }

  private refuse (offer: DigestOffer, reason: DigestRefusalReason, username: string | null, stale = false): void {
    this.settings.onRefused({ reason, username })
    const guess = reason === 'user' || reason === 'response' // whatever else is wrong, the response was right or not looked at
    this.challengeAgain(offer, stale, { reason, userId: username, guess })
  }

  /**
   * In one text, which is all that Passport takes. Our own runner puts each on a line of its own
   * again.
   */
  private challengeAgain (offer: DigestOffer, stale: boolean, note?: RefusalNote): void {
    this.fail(this.challenges(offer, stale).map(formatChallenge).join(', '), undefined, note)
  }

  private challenges (offer: DigestOffer, stale: boolean): readonly Challenge[] {
    const { realm, algorithms } = offer
    return algorithms.map((algorithm) => digestChallenge(offer, algorithm, this.nonces.issue(realm, algorithm), stale))
  }

  private offerFor (realm: string): DigestOffer {
    const known = this.offers.get(realm)
    if (known !== undefined) return known
    if (realm.length > MAX_REALM_LENGTH) throw new BadOption('realm', `text of at most ${MAX_REALM_LENGTH} chars`, 'longer text')
    const { algorithms, qop, charset, rfc2069, lookupHash, opaque = opaqueOf(realm) } = this.settings
    const offer = { realm, algorithms, qop, charset, rfc2069, opaque, userhash: lookupHash !== undefined }
    this.offers.set(realm, offer)
    return offer
  }

  private form (password: string): string {
    return this.settings.charset ? password.normalize('NFC') : password
  }
}

function isOverContent ({ qop }: OfferedParameters): boolean {
  return qop?.toLowerCase() === 'auth-int'
}

/** The same from every process and after every start. */
function opaqueOf (realm: string): string {
  return hash('sha256', `opaque of ${realm}`, 'hex').slice(0, 32)
}

function then<Value, Result> (value: Eventual<Value>, next: (value: Value) => Eventual<Result>): Eventual<Result> {
  return isThenable(value) ? value.then(next) : next(value)
}

/**
 * Reads who presents Digest credentials, right or wrong. Where they say `userhash=true`, it is the
 * hash. What newer curl has escaped is a name in as many spellings as it has octets beyond ASCII,
 * and read as that name.
 *
 * @returns `undefined` when there is nothing to read.
 * @throws {MalformedField} The value does not follow the grammar of credentials, or `username*` its
 *   own.
 * @throws {MalformedCredentials} The name is none.
 * @example
 * readDigestUser('Digest username="Mufasa", realm="x"') // 'Mufasa'
 */
export function readDigestUser (value: string): string | undefined {
  const { username, 'username*': extended } = parseCredentials(value).params ?? {}
  // A reader that knows but one of them would find another user than we do (RFC 7616, 3.4).
  if (extended !== undefined && username !== undefined) throw new MalformedCredentials('username and username*')
  if (extended !== undefined) return checkUsername(parseExtValue(extended))
  if (username === undefined) return undefined
  const { username: plain } = decodeUsername(username, true)
  return decodeEscapedUsername(plain) ?? plain
}
