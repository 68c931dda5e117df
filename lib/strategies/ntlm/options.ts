import type { Socket } from 'node:net'
import { BadOption } from '../../errors.js'
import type { Eventual } from '../../eventual.js'
import { checkObject, checkOptions } from '../../check-option.js'
import type { NtlmNames } from '../../schemes/ntlm/challenge.js'
import type { AuthenticateMessage, NegotiateMessage } from '../../schemes/ntlm/message.js'
import type { HandshakeState } from '../handshake.js'
import type { AcceptedUser, Defaulting } from '../../types.js'
import type { RefusalNote } from '../strategy.js'

/** A user: the password or its NT hash, and what to hand over when the client proves to know it. */
export type NtlmAccount = { readonly password: string } & NtlmUser | { readonly ntHash: Uint8Array | string } & NtlmUser

/** The user that an account stands for. */
export type NtlmUser = Defaulting<{ username: string, domain: string }, {
  /**
   * Default `{ username, domain }`, as the client wrote them, where that has the shape of
   * `ProxyUser`.
   */
  readonly user: AcceptedUser
}> & {
  /** Members for the second argument of `success`. */
  readonly info?: object
}

/**
 * Finds a user: the password, or its NT hash (16 octets, or 32 hex digits); nothing (`null`,
 * `undefined`, `false`) when there is none. Throws or rejects only when it cannot tell.
 *
 * An NT hash is as good as the password: keep it as safe. Which domains count is for this function
 * to say; many clients send none (`''`).
 */
export type NtlmLookup = (username: string, domain: string) => Eventual<NtlmAccount | null | undefined | false>

/**
 * Why credentials were refused: `malformed`; a last leg that follows no first one on its connection
 * (`order`); without a name (`anonymous`); LM or NTLMv1 (`version`); an unknown `user`; a wrong
 * `response`; or, that being right, messages that were changed (`mic`), another TLS connection than
 * ours (`binding`), another proxy than us (`target`). `verifier`: another said no.
 */
export type NtlmRefusalReason = 'malformed' | 'order' | 'anonymous' | 'version' | 'user' | 'response' | 'mic' | 'binding' | 'target' | 'verifier'

/** What comes of the last leg. */
export type NtlmVerdict<User = AcceptedUser> =
  | { readonly kind: 'right', readonly user: User, readonly info?: object | undefined, readonly userId: string }
  | { readonly kind: 'wrong', readonly note: RefusalNote & { readonly reason: NtlmRefusalReason } }

/**
 * A handshake under way, kept between its legs. `end` is called when it is over, however it ends.
 */
export interface NtlmExchange<User = AcceptedUser> extends HandshakeState {
  /** The message to send to the client, type 2. */
  readonly challenge: Buffer
  /** Judges the response to it, type 3. */
  finish (message: AuthenticateMessage, socket: Socket | undefined): Eventual<NtlmVerdict<User>>
}

/** Makes challenges and judges the responses to them. */
export interface NtlmVerifier<User = AcceptedUser> {
  /**
   * Takes the message with which a client begins, type 1, and makes the challenge. Throws or
   * rejects when it cannot.
   */
  begin (message: NegotiateMessage): Eventual<NtlmExchange<User>>
}

/** Options of {@link NtlmStrategy}: it takes either `lookup` or `verifier`. */
export interface NtlmOptions {
  /**
   * Finds a user: `(username, domain)` gives `{ password }` or `{ ntHash }`, or `null`. The
   * strategy then verifies by itself.
   *
   * @defaultValue none
   */
  readonly lookup?: NtlmLookup
  /**
   * Another verifier, such as Samba's: `ntlmAuth(...)`.
   *
   * @defaultValue none
   */
  readonly verifier?: NtlmVerifier
  /**
   * The names of the proxy and of its domain in challenges. Clients may show them.
   *
   * @defaultValue `PROXY` in `WORKGROUP`
   */
  readonly names?: Partial<NtlmNames>
  /**
   * Whether the TLS connection and the proxy that a client says it means are compared with ours.
   * This keeps another server from using a login that was meant for it. Turn it off only where TLS
   * ends in front of the gateway.
   *
   * @defaultValue `true`
   */
  readonly extendedProtection?: boolean
  /**
   * Host names of the proxy, for clients that say which proxy they mean. With TLS, the names of the
   * certificate count as well.
   *
   * @defaultValue the names of the certificate; without TLS any name
   */
  readonly targetNames?: readonly string[]
}

/** The options, checked, with defaults. */
export interface NtlmSettings {
  readonly lookup: NtlmLookup | undefined
  readonly verifier: NtlmVerifier | undefined
  readonly names: NtlmNames
  readonly extendedProtection: boolean
  readonly targetNames: readonly string[] | undefined
}

const OPTIONS = new Set(['lookup', 'verifier', 'names', 'extendedProtection', 'targetNames', 'realm'])
const NAMES: NtlmNames = { computer: 'PROXY', domain: 'WORKGROUP', dnsComputer: 'proxy', dnsDomain: '' }
const NAMES_OPTIONS = new Set(Object.keys(NAMES))

/**
 * Checks the options of {@link NtlmStrategy} and fills in defaults.
 *
 * @throws {BadOption} An option is wrong, or unknown.
 */
export function readNtlmOptions (options: NtlmOptions): NtlmSettings {
  const { lookup, verifier, names = {}, extendedProtection = true, targetNames } = checkOptions(options, OPTIONS)
  if ((lookup === undefined) === (verifier === undefined)) throw new BadOption('lookup', 'given, or else `verifier`', lookup === undefined ? 'neither' : 'both')
  if (lookup !== undefined && typeof lookup !== 'function') throw new BadOption('lookup', 'a function', typeof lookup)
  if (verifier !== undefined && typeof verifier.begin !== 'function') throw new BadOption('verifier', 'one that can `begin`', typeof verifier)
  if (typeof extendedProtection !== 'boolean') throw new BadOption('extendedProtection', 'a boolean', typeof extendedProtection)
  const all = { ...NAMES, ...checkObject(names, 'names', NAMES_OPTIONS) }
  for (const [name, value] of Object.entries(all)) {
    if (typeof value !== 'string' || value.length > 255 || /[^\x20-\x7e]/.test(value)) throw new BadOption(`names.${name}`, 'printable ASCII', typeof value)
  }
  if (targetNames !== undefined && !(Array.isArray(targetNames) && targetNames.every((name) => typeof name === 'string'))) {
    throw new BadOption('targetNames', 'a list of host names', typeof targetNames)
  }
  return Object.freeze({
    lookup,
    verifier,
    names: Object.freeze(all),
    extendedProtection,
    targetNames: targetNames?.map((name: string) => name.toLowerCase())
  })
}
