/**
 * What all strategies have in common: how one is declared, how its verdicts are remembered, and the base class for one of
 * your own.
 *
 * @module
 */
export { Strategy } from '../../../lib/index.js'
export type {
  Accepted, AttemptOptions, AttemptRequest, CacheOptions, ChallengeContext, ChallengeMaker, DeclaredStrategy, Handshake, HandshakeState, Offer,
  PassportStrategy, RefusalNote, SharedReplays, Registry, RequestView, StrategyDeclaration
} from '../../../lib/index.js'
