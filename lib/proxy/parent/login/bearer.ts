import { ParentCredentialsFailed } from '../../../errors.js'
import type { Eventual } from '../../../eventual.js'
import { isThenable } from '../../../eventual.js'
import { formatCredentials } from '../../../fields/credentials.js'
import { askWithin } from '../../../deadline.js'
import type { ParentBearerCredentials } from '../../../policy/parent/credentials.js'
import { isBearerToken } from '../../../policy/parent/read-credentials.js'
import type { Milliseconds } from '../../../types.js'
import { nameAccount } from './account.js'
import type { Login, LoginAttempt, LoginFields } from './login.js'
import { offered } from './offered.js'

type Ask = (refused: string | undefined) => Eventual<string>

/**
 * Bearer, sent unasked. A token that a function gave and that the parent refused is asked for once
 * more.
 *
 * @param limit - How long the function may take.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750 RFC 6750}
 */
export function bearerLogin ({ token }: ParentBearerCredentials, limit: Milliseconds): Login {
  const source = typeof token === 'string' ? { get: () => token } : new TokenSource(token, limit)
  return {
    scheme: 'Bearer',
    account: nameAccount('bearer'),
    bindsConnection: false,
    ready: true,
    attempt: () => new BearerAttempt(source)
  }
}

/** The token of all requests of an account. */
class TokenSource {
  private token: string | undefined
  private asking: Promise<string> | undefined

  constructor (private readonly ask: Ask, private readonly limit: Milliseconds) {}

  /**
   * Gives the token, or another than the one that was refused. Those that want one at the same time
   * share one call.
   */
  get (refused?: string): Eventual<string> {
    if (this.token !== undefined && this.token !== refused) return this.token
    this.asking ??= this.renew(refused).finally(() => { this.asking = undefined })
    return this.asking
  }

  private async renew (refused: string | undefined): Promise<string> {
    const failed = (cause: unknown) => new ParentCredentialsFailed({ cause })
    const late = () => failed(new Error(`the function gave no token within ${this.limit} ms`))
    const token = await askWithin(() => this.ask(refused), this.limit, { failed, late })
    if (!isBearerToken(token)) {
      throw failed(new TypeError(`the function gave no token by the grammar of RFC 6750, but ${typeof token}`))
    }
    this.token = token
    return token
  }
}

class BearerAttempt implements LoginAttempt {
  readonly ready = true
  private sent: string | undefined
  private isRenewed = false

  constructor (private readonly source: { get (refused?: string): Eventual<string> }) {}

  first (): Eventual<LoginFields> {
    const token = this.source.get()
    return isThenable(token) ? token.then((later) => this.send(later)) : this.send(token)
  }

  async next (challenges: readonly string[]): Promise<LoginFields | null> {
    if (this.isRenewed || offered(challenges, 'bearer').length === 0) return null
    this.isRenewed = true
    const refused = this.sent
    const token = await this.source.get(refused)
    return token === refused ? null : this.send(token)
  }

  succeeded (): void {}

  private send (token: string): LoginFields {
    this.sent = token
    return { 'proxy-authorization': formatCredentials({ scheme: 'Bearer', token68: token }) }
  }
}
