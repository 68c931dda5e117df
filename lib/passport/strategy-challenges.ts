import { BadOption } from '../errors.js'
import { isThenable } from '../eventual.js'
import type { Eventual } from '../eventual.js'
import { formatChallenge, parseChallenges } from '../fields/challenge.js'
import type { Challenge } from '../fields/challenge.js'
import { isConnectionBound } from '../schemes/traits.js'
import { formatOffer } from '../strategies/strategy.js'
import type { AttemptRequest, ChallengeContext, Offer, Strategy } from '../strategies/strategy.js'

/** Makes the challenge of a foreign strategy: challenges, or their text. */
export type ChallengeMaker = (context: ChallengeContext) => Eventual<Offer | string>

/** What a strategy is asked with. */
export interface StrategyChallenges {
  /** The challenges, one field line each, when every request gets the same; else `null`. */
  readonly lines: readonly string[] | null
  /**
   * The challenges for this request, one field line each; none where there is nothing to ask with.
   *
   * @throws What its maker throws; a promise rejects with it.
   */
  challengesFor (request: AttemptRequest): Eventual<readonly string[]>
  /**
   * The challenges in what a strategy passed to `fail`; `null` when nothing in it is a challenge of
   * its scheme.
   */
  challengesIn (refusal: unknown): readonly string[] | null
  /**
   * The challenges after it has refused credentials of its scheme and said nothing; `null`: the
   * usual ones.
   */
  readonly afterRefusal: readonly string[] | null
}

/** What an offering needs to know of a foreign strategy. */
export interface ForeignOffer {
  readonly name: string
  readonly scheme: string | null
  readonly realm: string
  /**
   * The configuration says the realm, so the strategy's own texts get it too, beside a `challenge`
   * as well.
   */
  readonly overrideRealm: boolean
  readonly params?: Readonly<Record<string, string>> | undefined
  readonly challenge?: ChallengeMaker | string | null | undefined
}

const NO_CHALLENGES: StrategyChallenges = Object.freeze({
  lines: [], challengesFor: () => [], challengesIn: () => null, afterRefusal: null
})

/**
 * The offering of one of ours. Unless it is `fresh`, its challenge is made once, here.
 *
 * @throws {NotRepresentable} Its challenge cannot be sent.
 * @example
 * ownChallenges(new BasicStrategy({ verify }), 'gw').challengesFor(view)
 * // ['Basic realm="gw", charset="UTF-8"']
 */
export function ownChallenges (strategy: Strategy, realm: string): StrategyChallenges {
  const { scheme } = strategy
  if (scheme === null) return NO_CHALLENGES
  return offering(scheme, strategy.fresh, (context) => strategy.challenge(context), realm, null)
}

/**
 * The offering of a foreign strategy: what the declaration says. A text the strategy passes to
 * `fail` is taken over if it is a challenge of its scheme, for it may say more; free text, which is
 * common, is not. Its realm is ours all the same: to clients a refusal with another is another
 * protection space.
 *
 * @throws {BadOption} There is no telling what its challenge is.
 * @throws {NotRepresentable} Its challenge cannot be sent.
 * @example
 * const jwt = { name: 'jwt', scheme: 'Bearer', realm: 'gw', overrideRealm: false }
 * foreignChallenges(jwt).challengesIn('expired') // null
 */
export function foreignChallenges (foreign: ForeignOffer): StrategyChallenges {
  const { name, scheme, realm, challenge, params } = foreign
  if (scheme === null || challenge === null) return NO_CHALLENGES
  const overriding = foreign.overrideRealm ? realm : null
  if (typeof challenge === 'function') return offering(scheme, true, challenge, realm, overriding)
  if (scheme === 'Digest') {
    throw new BadOption(`challenge of strategy '${name}'`, 'a function, since each Digest challenge needs a nonce', typeof challenge)
  }
  if (typeof challenge === 'string') {
    if (readLines(challenge, scheme, null) === null) {
      throw new BadOption(`challenge of strategy '${name}'`, `a challenge of the scheme ${scheme}`, 'other text')
    }
    return offering(scheme, false, () => challenge, realm, overriding)
  }
  if (isConnectionBound(scheme)) return offering(scheme, false, () => ({ scheme }), realm, null)
  const made = offering(scheme, false, () => ({ scheme, params: { realm, ...params } }), realm, realm)
  if (scheme !== 'Bearer') return made
  // RFC 6750, 3.1: a client whose token was refused is told so, which JWT strategies leave to
  // others.
  return { ...made, afterRefusal: formatOffer({ scheme, params: { realm, ...params, error: 'invalid_token' } }) }
}

function offering (
  scheme: string, fresh: boolean, make: ChallengeMaker, realm: string, overriding: string | null
): StrategyChallenges {
  const challengesIn = (refusal: unknown): readonly string[] | null =>
    typeof refusal === 'string' ? readLines(refusal, scheme, overriding) : null
  const first = make({ realm })
  if (!fresh && !isThenable(first)) {
    const lines = Object.freeze(toLines(first, scheme))
    return {
      lines,
      challengesFor: () => lines,
      challengesIn: (refusal) => lines.length === 1 && refusal === lines[0] ? lines : challengesIn(refusal),
      afterRefusal: null
    }
  }
  if (isThenable(first)) first.then(undefined, () => {}) // the first 407 tells: it is a 500 then
  else toLines(first, scheme)
  const challengesFor = (request: AttemptRequest): Eventual<readonly string[]> => {
    const offer = make({ realm, request })
    return isThenable(offer) ? offer.then((later) => toLines(later, scheme)) : toLines(offer, scheme)
  }
  return { lines: null, challengesFor, challengesIn, afterRefusal: null }
}

function toLines (offer: Offer | string, scheme: string): readonly string[] {
  if (typeof offer !== 'string') return formatOffer(offer)
  const lines = readLines(offer, scheme, null)
  if (lines === null) throw new TypeError(`no challenge of the scheme ${scheme}`)
  return lines
}

// Reads text into lines we have written ourselves, so that nothing goes out that the grammar does
// not have.
function readLines (text: string, scheme: string, realm: string | null): readonly string[] | null {
  const key = scheme.toLowerCase()
  try {
    const lines = parseChallenges(text)
      .filter((challenge) => challenge.scheme.toLowerCase() === key && isComplete(challenge, key))
      .map((challenge) => formatChallenge(realm === null || challenge.params?.realm === undefined
        ? challenge
        : { scheme, params: { ...challenge.params, realm } }))
    return lines.length === 0 ? null : lines
  } catch {
    return null
  }
}

// Whether a client can do anything with it. A name alone is a challenge only of schemes that ask
// with nothing else.
function isComplete ({ params }: Challenge, key: string): boolean {
  if (key === 'basic') return params?.realm !== undefined
  if (key === 'digest') return params?.realm !== undefined && params.nonce !== undefined
  return key !== 'bearer' || params !== undefined
}
