/**
 * Digest (RFC 7616): the strategy, and the client's half.
 *
 * @module
 */
export { DigestStrategy, answerDigestChallenge } from '../../../lib/index.js'
export type {
  DigestAccount, DigestAlgorithmName, DigestAnswer, DigestExchange, DigestHash, DigestHashLookup, DigestInfo, DigestInfoVerdict, DigestLookup,
  DigestOptions, DigestRefusal, DigestRefusalReason, DigestRequest, DigestSecret, OfferMismatch, Qop
} from '../../../lib/index.js'
