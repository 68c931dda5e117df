import { randomUUID } from 'node:crypto'
import { ParentCredentialsFailed } from '../../../errors.js'
import type { ParentAws4Credentials } from '../../../policy/parent/credentials.js'
import { signAws4 } from '../../../schemes/aws4/client.js'
import type { Milliseconds } from '../../../types.js'
import { nameAccount } from './account.js'
import type { Login, LoginAttempt, LoginFields, LoginRequest } from './login.js'
import { sentOnce } from './sent-once.js'

/** The most signatures of one second that are remembered. */
const MAX_SIGNED = 10_000

/**
 * AWS4: each request is signed, unasked, and a 407 to it is final.
 *
 * @see
 *   {@link https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html AWS Signature Version 4}
 */
export class Aws4Login implements Login {
  readonly scheme = 'AWS4-HMAC-SHA256'
  readonly account: string
  readonly bindsConnection = false
  readonly ready = true
  /** What was signed in the present second. */
  private readonly signed = new Set<string>()
  private second = 0

  constructor (private readonly credentials: ParentAws4Credentials, private readonly clock: () => Milliseconds) {
    this.account = nameAccount(credentials.accessKeyId)
  }

  attempt (request: LoginRequest): LoginAttempt {
    return { ...sentOnce(null), first: () => this.sign(request) }
  }

  /**
   * Two requests of one second that are the same have the same signature, which a parent that
   * remembers them takes for a replay. So the second one has a field more, as SDKs of AWS send it.
   */
  private sign (request: LoginRequest): LoginFields {
    const time = this.clock()
    const second = Math.floor(time / 1000)
    if (second !== this.second) this.signed.clear()
    this.second = second
    const fields = this.signOnce(request, time, {})
    const { 'proxy-authorization': signature } = fields
    if (this.signed.size < MAX_SIGNED && !this.signed.has(signature!)) {
      this.signed.add(signature!)
      return fields
    }
    const more = { 'amz-sdk-invocation-id': randomUUID() }
    return { ...this.signOnce(request, time, more), ...more }
  }

  private signOnce (request: LoginRequest, time: Milliseconds, more: LoginFields): LoginFields {
    const { method, uri, authority, content } = request
    const headers = { host: authority, ...more }
    try {
      return signAws4({ method, target: uri, headers, time, ...(content && { content: null }) }, this.credentials)
    } catch (cause) {
      throw new ParentCredentialsFailed({ cause }) // `Host` names another host than the target
    }
  }
}
