import { ConcurrencyLimit } from '../../../concurrency-limit.js'
import { ParentCredentialsFailed, ParentUnproven } from '../../../errors.js'
import { formatCredentials } from '../../../fields/credentials.js'
import { withDeadline } from '../../../deadline.js'
import type { ParentNegotiateCredentials } from '../../../policy/parent/credentials.js'
import { kindOf, readToken } from '../../../schemes/negotiate/token.js'
import type { Milliseconds } from '../../../types.js'
import { nameAccount } from './account.js'
import type { ClientContext, KerberosClientPackage } from './kerberos-client.js'
import type { Login, LoginAttempt, LoginFields } from './login.js'
import { offered } from './offered.js'

/** What the library is to do for the logins of a parent. */
export interface ParentNegotiateSettings {
  /** The parent's. */
  readonly host: string
  /** How long a step may take: it may ask a KDC that is not there. */
  readonly limit: Milliseconds
  readonly load: () => Promise<KerberosClientPackage>
}

/** A handshake of more legs than any mechanism needs. */
const MAX_LEGS = 8
/**
 * GSSAPI blocks one of node's few threads until its KDC has responded. So not all of them are its
 * own at a time.
 */
const turns = new ConcurrencyLimit({ concurrency: 2, queue: 1000, maxWait: 10_000 })

/**
 * Negotiate with Kerberos: a ticket for each connection, unasked once the parent has asked for one.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4559 RFC 4559}
 */
export class ParentNegotiateLogin implements Login {
  readonly scheme = 'Negotiate'
  readonly account: string
  readonly bindsConnection = true
  /** The parent has taken a ticket. */
  isWanted = false

  constructor (readonly credentials: ParentNegotiateCredentials, private readonly settings: ParentNegotiateSettings) {
    this.account = nameAccount(credentials.principal ?? 'default-principal')
  }

  /** Content has to wait for a parent that must prove first who it is. */
  get ready (): boolean { return this.isWanted && this.credentials.mutual !== true }

  attempt (): LoginAttempt {
    return new NegotiateAttempt(this)
  }

  /**
   * @throws {ParentCredentialsFailed} The package is missing, or GSSAPI has no credentials.
   */
  async open (): Promise<ClientContext> {
    const { host, load } = this.settings
    const { service = `HTTP@${host}`, principal } = this.credentials
    return await this.inTime(async () => {
      const { initializeClient, GSS_MECH_OID_SPNEGO: mechOID, GSS_C_MUTUAL_FLAG: flags } = await load()
      return await initializeClient(service, { mechOID, flags, ...(principal !== undefined && { principal }) })
    })
  }

  /**
   * Does a step when it is its turn.
   *
   * @throws {ParentCredentialsFailed} It failed, or took too long.
   */
  async inTime<Result> (step: () => Promise<Result>): Promise<Result> {
    const { limit } = this.settings
    try {
      const turn = (async () => await turns.take(step))()
      return await withDeadline(turn, limit, () => new Error(`GSSAPI took longer than ${limit} ms`))
    } catch (cause) {
      throw new ParentCredentialsFailed({ cause })
    }
  }
}

class NegotiateAttempt implements LoginAttempt {
  private context: ClientContext | undefined
  private legs = 0

  constructor (private readonly login: ParentNegotiateLogin) {}

  get ready (): boolean { return this.legs > 0 && this.login.credentials.mutual !== true }

  async first (): Promise<LoginFields | null> {
    return this.login.isWanted ? await this.begin() : null
  }

  async next (lines: readonly string[]): Promise<LoginFields | null> {
    const challenges = offered(lines, 'negotiate')
    const { context } = this
    if (context === undefined) {
      // A token that nothing was sent for is of another handshake.
      const isBare = challenges.length > 0 && challenges.every(({ token68 }) => token68 === undefined)
      return isBare ? await this.begin() : null
    }
    const token = tokenIn(challenges)
    if (token === undefined || this.legs >= MAX_LEGS) return null
    try {
      return this.send(await this.login.inTime(async () => await context.step(token)))
    } catch {
      return null // what the parent sent is no good, or says that the ticket is not
    }
  }

  async succeeded (_info: readonly string[], lines: readonly string[]): Promise<void> {
    const challenges = offered(lines, 'negotiate')
    const { context } = this
    if (context !== undefined && challenges.length > 0) await this.prove(context, tokenIn(challenges))
    if (this.login.credentials.mutual === true && context?.contextComplete !== true) throw new ParentUnproven()
    if (context !== undefined) this.login.isWanted = true
  }

  /** Whatever the parent sends to prove itself has to be right, wanted or not. */
  private async prove (context: ClientContext, token: string | undefined): Promise<void> {
    if (token === undefined) throw new ParentUnproven()
    try {
      await this.login.inTime(async () => await context.step(token))
    } catch (cause) {
      throw new ParentUnproven({ cause })
    }
  }

  private async begin (): Promise<LoginFields | null> {
    const context = await this.login.open()
    this.context = context
    return this.send(await this.login.inTime(async () => await context.step('')))
  }

  private send (token: string | null): LoginFields | null {
    if (token === null || token === '') return null
    this.legs += 1
    // A library that has no ticket may know NTLM as well, which proves the password to any parent.
    if (!isKerberos(token)) throw new ParentCredentialsFailed({ cause: new Error('GSSAPI has no token of Kerberos') })
    return { 'proxy-authorization': formatCredentials({ scheme: 'Negotiate', token68: token }) }
  }
}

/** The token of the parent, if it can be one of Kerberos. */
function tokenIn (challenges: ReturnType<typeof offered>): string | undefined {
  const token68 = challenges.find((challenge) => challenge.token68 !== undefined)?.token68
  const token = token68 === undefined ? undefined : readToken(`Negotiate ${token68}`)
  return token !== undefined && isKerberos(token) ? token : undefined
}

function isKerberos (token: string): boolean {
  const kind = kindOf(Buffer.from(token, 'base64'))
  return kind === 'initial' || kind === 'reply'
}
