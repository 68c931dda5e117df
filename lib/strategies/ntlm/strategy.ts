import type { Socket } from 'node:net'
import type { Challenge } from '../../fields/challenge.js'
import { formatChallenge } from '../../fields/challenge.js'
import { parseCredentials } from '../../fields/credentials.js'
import { readMessage } from '../../schemes/ntlm/message.js'
import type { AuthenticateMessage, NegotiateMessage } from '../../schemes/ntlm/message.js'
import { hasAccount } from '../../store/known-accounts.js'
import { reloadSources } from '../../store/reload-sources.js'
import type { Handshake } from '../handshake.js'
import { verifyWith } from './lookup.js'
import { readNtlmOptions } from './options.js'
import type { NtlmExchange, NtlmLookup, NtlmOptions, NtlmRefusalReason, NtlmVerdict, NtlmVerifier } from './options.js'
import { Strategy, isScheme } from '../strategy.js'
import type { AttemptRequest } from '../strategy.js'

/**
 * NTLM: three messages on one connection, which is the user's afterwards. Version 2 only. Offered
 * beside others, most clients prefer it to Digest and Basic, and some (`curl --proxy-anyauth`) do
 * not fall back: so it is used where clients know nothing better, and only with the option
 * `connectionBound`.
 *
 * @see {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/ MS-NLMP},
 *   {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-ntht/ MS-NTHT}
 * @example
 * new NtlmStrategy({
 *   lookup: async (username, domain) => await directory.ntHashOf(username, domain)
 * })
 * new NtlmStrategy({ verifier: ntlmAuth() }) // Samba verifies
 */
export class NtlmStrategy extends Strategy {
  override readonly name = 'ntlm'
  override readonly scheme = 'NTLM'
  private readonly verifier: NtlmVerifier
  private readonly lookup: NtlmLookup | undefined

  /**
   * @throws {BadOption} An option is wrong, or unknown.
   */
  constructor (options: NtlmOptions) {
    super()
    const settings = readNtlmOptions(options)
    this.lookup = settings.lookup
    this.verifier = settings.verifier ?? verifyWith(settings.lookup!, settings)
  }

  override authenticate ({ headers: { authorization }, handshake, socket }: AttemptRequest): void {
    if (authorization === undefined || !isScheme(authorization, 'ntlm') || authorization.trim().length === 4) return this.fail('NTLM')
    if (handshake === undefined) return this.error(new Error('NTLM runs only where this plugin runs it, which knows the connection'))
    let message: NegotiateMessage | AuthenticateMessage
    try {
      message = readMessage(parseCredentials(authorization).token68 ?? '')
    } catch {
      return this.refuse('malformed') // and no 400: that would tell clients they are in
    }
    if (message.type === 1) this.begin(message, handshake)
    else this.finish(message, handshake.kept as NtlmExchange | undefined, socket)
  }

  override hasAccount (name: string): boolean {
    return hasAccount(this.lookup, name)
  }

  override async reload (): Promise<false | void> {
    return await reloadSources(this.lookup, this.verifier)
  }

  override challenge (): Challenge {
    return { scheme: 'NTLM' }
  }

  private begin (message: NegotiateMessage, handshake: Handshake): void {
    this.decide((first: NegotiateMessage) => this.verifier.begin(first), message, (exchange) => {
      try {
        handshake.keep(exchange)
      } catch (full) {
        exchange.end?.()
        throw full
      }
      this.fail(formatChallenge({ scheme: 'NTLM', token68: exchange.challenge.toString('base64') }))
    })
  }

  private finish (message: AuthenticateMessage, exchange: NtlmExchange | undefined, socket: Socket | undefined): void {
    if (exchange === undefined) return this.refuse('order')
    const judge = async (last: AuthenticateMessage): Promise<NtlmVerdict> => await exchange.finish(last, socket)
    this.decide(judge, message, (verdict) => {
      if (verdict.kind === 'wrong') this.fail('NTLM', undefined, verdict.note)
      else this.success(verdict.user, { ...verdict.info, userId: verdict.userId })
    })
  }

  private refuse (reason: NtlmRefusalReason): void {
    this.fail('NTLM', undefined, { reason, userId: null, guess: false })
  }
}
