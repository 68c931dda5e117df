/**
 * NTLM: the strategy, and Samba as its verifier.
 *
 * @module
 */
export { NtlmStrategy, ntlmAuth } from '../../../lib/index.js'
export type {
  AuthenticateMessage, NegotiateMessage, NtlmAccount, NtlmAuth, NtlmAuthOptions, NtlmAuthUser, NtlmExchange, NtlmLookup, NtlmNames, NtlmOptions,
  NtlmRefusalReason, NtlmUser, NtlmVerdict, NtlmVerifier
} from '../../../lib/index.js'
