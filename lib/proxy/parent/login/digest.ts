import { randomBytes } from 'node:crypto'
import { ParentUnproven } from '../../../errors.js'
import type { Challenge } from '../../../fields/challenge.js'
import type { ParentDigestCredentials } from '../../../policy/parent/credentials.js'
import { answerDigestChallenge } from '../../../schemes/digest/client.js'
import type { DigestAnswer, DigestInfoVerdict } from '../../../schemes/digest/client.js'
import { nameAccount } from './account.js'
import type { Login, LoginAttempt, LoginFields, LoginRequest } from './login.js'
import { offered } from './offered.js'

/** A challenge, and how often it has been answered. */
interface CountedChallenge {
  readonly challenge: Challenge
  /** The one of its first answer. With `-sess` it is part of the key. */
  readonly cnonce: string
  count: number
}

/** How many challenges are answered in one attempt: the first, and one that says `stale`. */
const MAX_ANSWERS = 2

/**
 * Digest: a challenge that the parent has given once is answered again, unasked, as long as it
 * lasts.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616 RFC 7616}
 */
export class DigestLogin implements Login {
  readonly scheme = 'Digest'
  readonly account: string
  readonly bindsConnection = false
  /**
   * Shared by all requests, since the parent took an answer to it. One that has just come is its
   * request's own until then: parents that want the counts in order would take another request's
   * count before its first.
   */
  shared: CountedChallenge | undefined

  constructor (readonly credentials: ParentDigestCredentials) {
    this.account = nameAccount(credentials.username)
  }

  get ready (): boolean { return this.shared !== undefined }

  attempt (request: LoginRequest): LoginAttempt {
    return new DigestLoginAttempt(this, request)
  }

  /** A challenge was answered, and the parent has refused. Others may have a new one already. */
  forget (refused: CountedChallenge | undefined): void {
    if (this.shared === refused) this.shared = undefined
  }

  /**
   * The parent took the answer to a challenge.
   *
   * @param next - What it wants to be answered the next time.
   */
  accepted (used: CountedChallenge, next: Challenge | undefined): void {
    if (next !== undefined) this.shared = { challenge: next, cnonce: randomText(), count: 0 }
    else this.shared ??= used
  }
}

class DigestLoginAttempt implements LoginAttempt {
  private used: CountedChallenge | undefined
  private answer: DigestAnswer | null = null
  /** How many challenges were answered that came in this attempt. */
  private answers = 0

  constructor (private readonly login: DigestLogin, private readonly request: LoginRequest) {}

  get ready (): boolean { return this.answer !== null }

  first (): LoginFields | null {
    const { shared: known } = this.login
    return known === undefined ? null : this.send([known.challenge], known)
  }

  next (lines: readonly string[]): LoginFields | null {
    const challenges = offered(lines, 'digest')
    this.login.forget(this.used)
    // Behind an answer to a challenge of this attempt, anything but `stale` is about the password.
    if (this.answers > 0 && !challenges.some(isStale)) return null
    if (++this.answers > MAX_ANSWERS) return null
    return this.send(challenges)
  }

  succeeded (info: readonly string[]): void {
    const { rspauth: policy = 'refuse' } = this.login.credentials
    const verdict = this.verify(info)
    if (policy !== 'ignore' && (verdict.rspauth === 'wrong' || (policy === 'require' && verdict.rspauth === 'absent'))) {
      this.login.forget(this.used)
      throw new ParentUnproven()
    }
    if (this.used !== undefined) this.login.accepted(this.used, verdict.next)
  }

  private send (challenges: readonly Challenge[], known?: CountedChallenge): LoginFields | null {
    const { username, password, algorithms } = this.login.credentials
    const { method, uri, content } = this.request
    // A new one for each request, except with `-sess`, where servers keep the key of the first.
    const cnonce = known !== undefined && isSession(known.challenge) ? known.cnonce : randomText()
    const nc = (known?.count ?? 0) + 1
    try {
      this.answer = answerDigestChallenge(content ? challenges.filter(takesAnyContent) : challenges, {
        username, password, method, uri, nc, cnonce, ...(algorithms !== undefined && { algorithms })
      })
    } catch {
      // What it has cannot be sent, or it was answered for as many requests as can be counted.
      this.answer = null
      this.login.forget(known)
    }
    if (this.answer === null) return null
    this.used = known ?? { challenge: this.answer.challenge, cnonce, count: 0 }
    this.used.count = nc
    return { 'proxy-authorization': this.answer.credentials }
  }

  private verify (info: readonly string[]): Pick<DigestInfoVerdict, 'rspauth' | 'next'> {
    if (this.answer === null) return { rspauth: 'absent', next: undefined }
    try {
      const { rspauth, qop, next } = this.answer.verify(info)
      // The content of the response is not known yet.
      return { rspauth: rspauth === 'wrong' && qop === 'auth-int' ? 'absent' : rspauth, next }
    } catch {
      return { rspauth: 'wrong', next: undefined } // it follows no grammar
    }
  }
}

function randomText (): string {
  return randomBytes(16).toString('hex')
}

function isStale ({ params }: Challenge): boolean {
  return params?.stale?.toLowerCase() === 'true'
}

function isSession ({ params }: Challenge): boolean {
  return params?.algorithm?.toLowerCase().endsWith('-sess') === true
}

/** Whether it can be answered without a hash of the content, which is not known. */
function takesAnyContent ({ params }: Challenge): boolean {
  return params?.qop === undefined || params.qop.toLowerCase().split(/[ \t]*,[ \t]*/).includes('auth')
}
