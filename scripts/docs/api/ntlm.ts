/**
 * NTLM: the strategy, Samba as its verifier, and the client's half.
 *
 * @module
 */
export { NtlmStrategy, answerNtlmChallenge, ntlmAuth } from '../../../lib/index.js'
export type {
  AuthenticateMessage, NegotiateMessage, NtlmAccount, NtlmAnswer, NtlmAuth, NtlmAuthOptions, NtlmAuthUser, NtlmExchange, NtlmLogin, NtlmLookup, NtlmNames,
  NtlmOptions, NtlmRefusalReason, NtlmUser, NtlmVerdict, NtlmVerifier
} from '../../../lib/index.js'
