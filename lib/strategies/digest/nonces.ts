import { isThenable } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { DigestAlgorithm } from '../../schemes/digest/algorithm.js'
import { NONCE_RANDOM_OCTETS, issueNonce, judgeNonce, readNonce } from '../../schemes/digest/nonce.js'
import type { NonceScope, NonceVerdict, OwnNonce } from '../../schemes/digest/nonce.js'
import type { OfferedParameters } from '../../schemes/digest/verify.js'
import { Recent } from '../../store/recent.js'
import type { Claim } from '../../store/store.js'
import { usualName } from '../../store/usual-name.js'
import type { Milliseconds } from '../../types.js'
import type { DigestSettings } from './options.js'

/** What comes of using a nonce. */
export type Redeemed =
  /** It counts. `nextnonce` is for the client's next request, where it is time for another. */
  | { readonly kind: 'fresh', readonly nextnonce: string | undefined }
  /**
   * The nonce is not ours, or no longer; or this count of it has come before, or is too old to
   * tell.
   */
  | { readonly kind: 'stale', readonly reason: 'nonce' | 'nc' }
  /** It cannot be told, for now. */
  | { readonly kind: 'full', readonly retryAfter: Milliseconds }

/**
 * How long a window outlives its nonce, so that a claim under way when the nonce ends still finds
 * it.
 */
const GRACE: Milliseconds = 60_000
/**
 * Another nonce is given in the last quarter of a nonce's life, and before its counts come to an
 * end.
 */
const NEAR_ITS_END = 3 / 4
const LAST_COUNTS = 0xffff_0000
/**
 * How many nonces are kept as read: a client uses one for many requests, and to verify its MAC is
 * dear.
 */
const NONCES_KEPT = 10_000

/** Issues nonces and takes them back: keys, clock and store of one strategy in one place. */
export class DigestNonces {
  private latest: Milliseconds = 0
  // Only ours are kept, which cannot be made up.
  private readonly own = new Recent<OwnNonce>(NONCES_KEPT)

  constructor (private readonly settings: DigestSettings) {}

  /** Makes a nonce for this realm and algorithm, of which nothing is kept. */
  issue (realm: string, algorithm: DigestAlgorithm): string {
    const { keys: [key], random } = this.settings
    return issueNonce(key, this.scopeOf(realm, algorithm), this.now(), random(NONCE_RANDOM_OCTETS))
  }

  /** Tells whether a nonce is ours and not too old. None of its counts is used up. */
  isValid (offered: OfferedParameters): boolean {
    return this.judge(offered).kind === 'valid'
  }

  /**
   * Uses a nonce, and a count of it. Only for a response that was right: else strangers could use
   * up a client's counts. Without a count (RFC 2069) a nonce is good for its whole life, unless it
   * is a one-time nonce.
   *
   * @param username - Whose response it was.
   */
  redeem (offered: OfferedParameters, username: string): Eventual<Redeemed> {
    const { realm, algorithm, count } = offered
    const { store, nonceLifetime, oneTimeNonces } = this.settings
    const judged = this.judge(offered)
    if (judged.kind !== 'valid') return { kind: 'stale', reason: 'nonce' }
    const isDue = oneTimeNonces || judged.age >= nonceLifetime * NEAR_ITS_END || count >= LAST_COUNTS
    const answer = (claim: Claim): Redeemed => {
      if (claim.kind === 'new') return { kind: 'fresh', nextnonce: isDue ? this.issue(realm, algorithm) : undefined }
      return claim.kind === 'full' ? claim : { kind: 'stale', reason: 'nc' }
    }
    if (count === 0 && !oneTimeNonces) return answer({ kind: 'new' })
    const ttl = nonceLifetime - judged.age + GRACE
    const claim = store.claim(judged.id, oneTimeNonces ? 1 : count, ttl, usualName(username))
    return isThenable(claim) ? claim.then(answer) : answer(claim)
  }

  private judge ({ realm, algorithm, nonce }: OfferedParameters): NonceVerdict {
    // A store that has lost something has another id. What was ours with the former one is not now.
    const key = `${nonce}\n${algorithm.name}\n${realm}\n${this.settings.store.id}`
    let own = this.own.get(key) ?? null
    if (own === null) {
      own = readNonce(nonce, this.settings.keys, this.scopeOf(realm, algorithm))
      if (own !== null) this.own.set(key, own)
    }
    return judgeNonce(own, this.settings.nonceLifetime, this.now())
  }

  private scopeOf (realm: string, { name: algorithm }: DigestAlgorithm): NonceScope {
    const { store: { id: storeId }, nonceLifetime: lifetime, oneTimeNonces: oneTime } = this.settings
    return { realm, algorithm, storeId, lifetime, oneTime }
  }

  // A clock that is put back would bring nonces back to life whose windows have ended.
  private now (): Milliseconds {
    return (this.latest = Math.max(this.latest, this.settings.clock()))
  }
}
