import type { ParentNtlmCredentials } from '../../../policy/parent/credentials.js'
import { answerNtlmChallenge } from '../../../schemes/ntlm/client.js'
import type { NtlmAnswer, NtlmLogin } from '../../../schemes/ntlm/client.js'
import { nameAccount } from './account.js'
import type { Login, LoginAttempt, LoginFields, LoginRequest } from './login.js'
import { offered } from './offered.js'

/** A challenge that only says that the scheme is offered. */
const BARE = [{ scheme: 'NTLM' }]

/**
 * NTLM: two legs for each connection, of which the first goes unasked once the parent has asked for
 * one.
 *
 * @see {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-ntht/ MS-NTHT}
 */
export class ParentNtlmLogin implements Login {
  readonly scheme = 'NTLM'
  readonly account: string
  readonly bindsConnection = true
  /** The first leg is never enough. */
  readonly ready = false
  /** The parent has taken a login. */
  isWanted = false

  /** @param host - The parent's, for parents that compare what the login was meant for. */
  constructor (readonly credentials: ParentNtlmCredentials, readonly host: string) {
    this.account = nameAccount(credentials.username)
  }

  attempt ({ certificate }: LoginRequest): LoginAttempt {
    const { scheme, ...credentials } = this.credentials
    return new NtlmAttempt(this, { ...credentials, targetName: `HTTP/${this.host}`, certificate })
  }
}

class NtlmAttempt implements LoginAttempt {
  /** `null`: nothing more can be said on this connection. */
  private last: NtlmAnswer | null | undefined

  constructor (private readonly account: ParentNtlmLogin, private readonly login: NtlmLogin) {}

  get ready (): boolean { return this.last?.type === 3 }

  first (): LoginFields | null {
    return this.account.isWanted ? this.answer(BARE) : null
  }

  next (lines: readonly string[]): LoginFields | null {
    return this.answer(offered(lines, 'ntlm'))
  }

  succeeded (): void {
    if (this.ready) this.account.isWanted = true
  }

  private answer (challenges: ReturnType<typeof offered>): LoginFields | null {
    if (this.last === null) return null
    try {
      this.last = answerNtlmChallenge(challenges, this.login, this.last)
    } catch {
      this.last = null // the message of the parent is malformed, or asks for less than NTLMv2
    }
    return this.last === null ? null : { 'proxy-authorization': this.last.credentials }
  }
}
