import type { Challenge } from '../../fields/challenge.js'
import { readPrincipal } from '../../schemes/negotiate/principal.js'
import type { ParsedPrincipal } from '../../schemes/negotiate/principal.js'
import { kindOf, readToken } from '../../schemes/negotiate/token.js'
import { reloadSources } from '../../store/reload-sources.js'
import type { Given } from '../../types.js'
import type { HandshakeState } from '../handshake.js'
import { Keytab, isService } from './kerberos.js'
import type { SecurityContext } from './kerberos.js'
import { readNegotiateOptions } from './options.js'
import type { KerberosPrincipal, NegotiateOptions, NegotiateRefusalReason, NegotiateSettings } from './options.js'
import { Strategy, isRight, isScheme } from '../strategy.js'
import type { Accepted, AttemptOptions, AttemptRequest } from '../strategy.js'

/** The second argument of `success`. */
export interface NegotiateInfo {
  readonly userId: string
  /** The principal of the user. */
  readonly principal: string
  /** The principal of the service that the ticket is for. */
  readonly service: string
  /** The last token, by which the client sees that it is us. */
  readonly proxyAuthenticate?: Challenge
}

const BARE = 'Negotiate'
/** A handshake of more legs than any mechanism needs. */
const MAX_LEGS = 8
const ANONYMOUS = 'WELLKNOWN/'
/**
 * What a client that goes on with another scheme does not send, nor one whose user may not come in.
 */
const WRONG: ReadonlySet<NegotiateRefusalReason> = new Set(['malformed', 'ticket', 'service'])

/** What is kept of a handshake from leg to leg. */
class KeptContext implements HandshakeState {
  constructor (readonly context: SecurityContext, readonly legs: number) {}

  /** The context goes when nothing refers to it. */
  end (): void {}
}

/** What has come of a leg. */
type Judged =
  | { readonly kind: 'complete', readonly context: SecurityContext }
  | { readonly kind: 'another leg', readonly context: SecurityContext, readonly response: string }
  | { readonly kind: 'refused', readonly cause: Error }

/**
 * Negotiate: users of a Kerberos realm (Active Directory is one) come in with the ticket they have,
 * and are asked for nothing. The ticket authenticates the connection: on HTTP/1.1 only, with the
 * option `connectionBound`. It needs the package `kerberos` and a keytab, which the environment
 * variable `KRB5_KTNAME` names for the whole process.
 *
 * RFC 4559 is about origins and leaves proxies out; clients speak it with proxies all the same, in
 * the fields of proxies.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4559 RFC 4559}
 * @example
 * new NegotiateStrategy({ service: 'HTTP/proxy.example.org' })
 */
export class NegotiateStrategy extends Strategy {
  override readonly name = 'negotiate'
  override readonly scheme = 'Negotiate'
  private readonly settings: NegotiateSettings
  private readonly keytab: Keytab

  /**
   * @throws {BadOption} An option is wrong, or unknown.
   */
  constructor (...[options]: Given<NegotiateOptions>) {
    super(options?.realm)
    this.settings = readNegotiateOptions(options)
    this.keytab = new Keytab(this.settings.service)
  }

  /**
   * @throws {BadOption} There is no keytab, or none with a key of the service.
   * @throws {MissingPackage} The package `kerberos` is not installed.
   */
  override async prepare (): Promise<void> {
    await this.settings.load() // before the keytab, which is of no use without it
    await this.keytab.check()
    await this.settings.initializeServer('')
  }

  override authenticate (request: AttemptRequest, options?: AttemptOptions): void {
    const { headers: { authorization: value }, handshake } = request
    // Another scheme has another grammar, so of that one only the scheme is read.
    if (value === undefined || !isScheme(value, 'negotiate') || value.trim().length === BARE.length) return this.fail(BARE)
    const token = readToken(value)
    const kind = token === undefined ? undefined : kindOf(Buffer.from(token, 'base64'))
    if (token === undefined || kind === undefined) return this.refuse('malformed')
    if (kind === 'ntlm' && this.settings.ntlm !== undefined) return this.delegate(this.settings.ntlm, token, request, options)
    if (kind === 'ntlm' || kind === 'wrapped ntlm') return this.refuse('ntlm')
    const kept = kind === 'reply' && handshake?.kept instanceof KeptContext ? handshake.kept : undefined
    if (kind === 'reply' && kept === undefined) return this.refuse('leg')

    this.decide((given) => this.step(given, kept), token, (judged) => {
      if (judged.kind === 'complete') return this.conclude(judged.context)
      if (judged.kind === 'refused') return this.refuse('ticket', null, judged.cause)
      const legs = (kept?.legs ?? 0) + 1
      if (handshake === undefined || legs >= MAX_LEGS) return this.refuse('leg')
      handshake.keep(new KeptContext(judged.context, legs))
      this.fail(`${BARE} ${judged.response}`)
    })
  }

  override async reload (): Promise<false | void> {
    return await reloadSources(this.settings.map, this.settings.ntlm)
  }

  /** The bare name: a token comes only once the client has sent one. */
  override challenge (): Challenge {
    return { scheme: BARE }
  }

  private async step (token: string, kept: KeptContext | undefined): Promise<Judged> {
    const context = kept?.context ?? await this.settings.initializeServer('')
    try {
      await context.step(token)
    } catch (cause) {
      // The package takes it for an error that GSSAPI wants another token, though there is one for
      // the client.
      if (!context.contextComplete && context.response) return { kind: 'another leg', context, response: context.response }
      // A keytab that has gone reads like a client's mistake.
      await this.keytab.check()
      return { kind: 'refused', cause: cause as Error }
    }
    return context.contextComplete ? { kind: 'complete', context } : { kind: 'refused', cause: new Error('the context is not complete') }
  }

  private conclude ({ username, targetName, response }: SecurityContext): void {
    const principal = readPrincipal(username ?? '')
    const service = targetName ?? ''
    if (principal === undefined || !isService(service, this.settings.service)) return this.refuse('service', principal)
    const { realms = [readPrincipal(service)!.realm], map } = this.settings
    if (!realms.includes(principal.realm)) return this.refuse('realm', principal)
    if (principal.name.startsWith(ANONYMOUS)) return this.refuse('user', principal)
    const userId = principal.realm === realms[0] ? principal.name : principal.principal
    const last = response ? { proxyAuthenticate: { scheme: BARE, token68: response } } : {}
    const info: NegotiateInfo = { userId, principal: principal.principal, service, ...last }
    const find = (shown: KerberosPrincipal) =>
      map === undefined ? { username: userId, principal: shown.principal } : map(shown)
    this.decide(find, { ...principal, service }, (accepted) => {
      if (isRight(accepted)) this.accept(accepted as Accepted, info)
      else this.refuse('user', principal)
    })
  }

  /** Lets a strategy of NTLM judge the token, in the words of this scheme. */
  private delegate (ntlm: Strategy, token: string, request: AttemptRequest, options: AttemptOptions | undefined): void {
    const attempt: Strategy = Object.create(ntlm)
    attempt.success = (user, info) => this.success(user, info)
    attempt.fail = (challenge, status, note) =>
      this.fail(typeof challenge === 'string' ? challenge.replace(/^NTLM\b/, BARE) : challenge, status, note)
    attempt.error = (cause) => this.error(cause)
    const headers = { ...request.headers, authorization: `NTLM ${token}` }
    const { handshake } = request
    // What is kept of Kerberos is nothing that it could go on with.
    const own = handshake?.kept instanceof KeptContext
      ? { handshake: { kept: undefined, keep: (state: HandshakeState) => handshake.keep(state) } }
      : {}
    Promise.resolve(attempt.authenticate({ ...request, headers, ...own }, options)).catch(attempt.error)
  }

  private refuse (
    reason: NegotiateRefusalReason, principal: ParsedPrincipal | null | undefined = null, cause: Error | null = null
  ): void {
    const name = principal?.principal ?? null
    this.settings.onRefused({ reason, principal: name, cause })
    // A ticket cannot be guessed, but a client may repeat one that is wrong.
    const wrong = WRONG.has(reason) ? { wrong: true } as const : {}
    this.fail(BARE, reason === 'realm' || reason === 'user' ? 403 : undefined, { reason, userId: name, guess: false, ...wrong })
  }
}
