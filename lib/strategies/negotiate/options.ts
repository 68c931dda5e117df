import { BadOption } from '../../errors.js'
import type { Eventual } from '../../eventual.js'
import { checkOptions } from '../../check-option.js'
import type { ParsedPrincipal } from '../../schemes/negotiate/principal.js'
import { loadKerberos } from './kerberos.js'
import type { SecurityContext } from './kerberos.js'
import type { Defaulting } from '../../types.js'
import { Strategy } from '../strategy.js'
import type { Accepted } from '../strategy.js'

/** The principal that a ticket names. */
export interface KerberosPrincipal extends ParsedPrincipal {
  /** The principal of the service that the ticket is for. */
  readonly service: string
}

/**
 * Gives the user that a principal stands for: the user, or `[user, info]`; nothing (`null`,
 * `undefined`, `false`) when it is no user here, which is 403. Throws or rejects only when it
 * cannot tell.
 */
export type MapPrincipal = (principal: KerberosPrincipal) => Eventual<Accepted | null | undefined | false>

/**
 * Why credentials were refused: the token is `malformed`; it is one of `ntlm`; it is the second
 * `leg` of a handshake that is not on this connection; GSSAPI refused the `ticket` (expired,
 * replayed, for another key, another clock); it is for another `service`; and with 403: its `realm`
 * may not come in, or `map` knows no such `user`.
 */
export type NegotiateRefusalReason = 'malformed' | 'ntlm' | 'leg' | 'ticket' | 'service' | 'realm' | 'user'

/** What is told of a refusal. */
export interface NegotiateRefusal {
  readonly reason: NegotiateRefusalReason
  /** Of a ticket that was right, else `null`. */
  readonly principal: string | null
  /** What GSSAPI said. It may hold names that the client has chosen. */
  readonly cause: Error | null
}

/** Options of {@link NegotiateStrategy}. */
export type NegotiateOptions = Defaulting<{ username: string, principal: string }, {
  /**
   * Gives the user of `{ principal, name, realm, service }`: the user, `[user, info]`, or `null`,
   * which is 403.
   *
   * @defaultValue the user `{ username, principal }`, where that has the shape of `ProxyUser`: the
   *   username is the name without its realm for the first of `realms`, and the whole principal for
   *   the others, so that no two users have one name
   */
  readonly map: MapPrincipal
}> & {
  /**
   * The principal of this proxy, such as `HTTP/proxy.example.org`, with `@REALM` or without.
   * Clients ask for a ticket for the name that they know the proxy by.
   *
   * @defaultValue any `HTTP/…` in the keytab
   */
  readonly service?: string
  /**
   * The realms of Kerberos whose users are accepted; users of other realms are 403.
   *
   * @defaultValue the realm of the service
   */
  readonly realms?: readonly string[]
  /**
   * An `NtlmStrategy` that judges bare NTLM messages, which Windows sends in Negotiate where it has
   * no ticket. NTLM within SPNEGO is always refused.
   *
   * @defaultValue none: they are refused
   */
  readonly ntlm?: Strategy
  /**
   * The realm of the identity. The challenge has none.
   *
   * @defaultValue the realm of the plugin
   */
  readonly realm?: string
  /**
   * Called for each refusal, with what GSSAPI said.
   *
   * @defaultValue none
   */
  readonly onRefused?: (refusal: NegotiateRefusal) => void
  /**
   * Opens a security context, for tests.
   *
   * @defaultValue that of the package `kerberos`
   */
  readonly initializeServer?: (service: string) => Promise<SecurityContext>
}

/** The options, checked, with defaults. Frozen. */
export interface NegotiateSettings {
  readonly service: string | undefined
  readonly realms: readonly string[] | undefined
  readonly map: MapPrincipal | undefined
  readonly ntlm: Strategy | undefined
  readonly onRefused: (refusal: NegotiateRefusal) => void
  readonly initializeServer: (service: string) => Promise<SecurityContext>
  /** Loads the package that the above is of. */
  readonly load: () => Promise<unknown>
}

const SERVICE = /^HTTP[/@][^/@\\]+(?:@[^@\\]+)?$/
const OPTIONS = new Set(['service', 'realms', 'map', 'ntlm', 'realm', 'onRefused', 'initializeServer'])

/**
 * Checks the options of {@link NegotiateStrategy} and fills in defaults.
 *
 * @throws {BadOption} An option is wrong, or unknown.
 */
export function readNegotiateOptions (options: NegotiateOptions = {}): NegotiateSettings {
  const {
    service, realms, map, ntlm, onRefused = () => {},
    initializeServer = async (name: string) => await (await loadKerberos()).initializeServer(name)
  } = checkOptions(options, OPTIONS)
  for (const [name, value] of Object.entries({ onRefused, initializeServer, map: map ?? onRefused })) {
    if (typeof value !== 'function') throw new BadOption(name, 'a function', typeof value)
  }
  if (service !== undefined && !(typeof service === 'string' && SERVICE.test(service))) {
    throw new BadOption('service', 'the principal of the proxy, HTTP/ and its name', typeof service)
  }
  if (realms !== undefined && !(Array.isArray(realms) && realms.length > 0 && realms.every((realm) => typeof realm === 'string' && realm !== ''))) {
    throw new BadOption('realms', 'a list of one realm or more', typeof realms)
  }
  if (ntlm !== undefined && !(ntlm instanceof Strategy && ntlm.scheme === 'NTLM')) throw new BadOption('ntlm', 'an NtlmStrategy', typeof ntlm)
  return Object.freeze({
    // Both spellings are common: GSSAPI's own has an @.
    service: service?.replace(/^HTTP@/, 'HTTP/'),
    realms: realms === undefined ? undefined : Object.freeze([...realms]),
    map,
    ntlm,
    onRefused,
    load: options.initializeServer === undefined ? loadKerberos : async () => {},
    initializeServer
  })
}
