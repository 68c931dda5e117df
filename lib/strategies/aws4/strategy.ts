import { randomBytes } from 'node:crypto'
import { StoreFull } from '../../errors.js'
import type { Challenge } from '../../fields/challenge.js'
import { formatChallenge } from '../../fields/challenge.js'
import { AWS4, parseAws4Credentials } from '../../schemes/aws4/credentials.js'
import type { Aws4Credentials } from '../../schemes/aws4/credentials.js'
import { formatSigningTime, readSigningTime } from '../../schemes/aws4/date.js'
import { signRequest } from '../../schemes/aws4/signature.js'
import { readSignedTarget } from '../../schemes/aws4/signed-target.js'
import type { SignedTarget } from '../../schemes/aws4/signed-target.js'
import { timingSafeEqualText } from '../../schemes/equal-text.js'
import { reloadSources } from '../../store/reload-sources.js'
import type { Milliseconds } from '../../types.js'
import { readAws4Options } from './options.js'
import type { Aws4Account, Aws4Options, Aws4RefusalReason, Aws4Settings } from './options.js'
import { hashOfContent } from '../content-hash.js'
import { Strategy, isRight, isScheme } from '../strategy.js'
import type { AttemptOptions, AttemptRequest, RefusalNote } from '../strategy.js'

/** The second argument of `success`. */
export interface Aws4Info {
  /** The access key id. */
  readonly userId: string
}

/** Credentials that may be right, as far as that shows without a key. */
interface Aws4Attempt {
  readonly credentials: Aws4Credentials
  readonly target: SignedTarget
  readonly time: Milliseconds
  readonly fields: ReadonlyArray<readonly [name: string, lines: readonly string[]]>
  readonly sessionToken: string | undefined
  /**
   * What the client says of the content: its hash, or what stands in its place; `undefined`:
   * nothing but the signature.
   */
  readonly payload: string | undefined
}

const UNSIGNED = 'UNSIGNED-PAYLOAD'
/**
 * How long a used signature is remembered beyond its time, so that a claim under way when it ends
 * still finds it.
 */
const GRACE: Milliseconds = 60_000

/**
 * AWS4-HMAC-SHA256: each request is signed with a secret that never travels, its method, target,
 * the content and the fields that the client names. For programs: no browser knows it.
 *
 * What is signed is the request as it was received. A target in absolute-form counts with its path
 * and query, and `Host` has to name the same host; CONNECT counts with the path `/` and with
 * `host:port` of its target as the host.
 *
 * @see
 *   {@link https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html AWS Signature Version 4}
 * @example
 * new Aws4Strategy({
 *   region: 'local',
 *   service: 'proxy',
 *   lookup: async (accessKeyId) => await keys.find(accessKeyId)
 * })
 */
export class Aws4Strategy extends Strategy {
  override readonly name = 'aws4'
  override readonly scheme = AWS4
  override readonly coversContent = true
  private readonly settings: Aws4Settings
  /** In the place of the secret of a key that does not exist, so that it costs the same. */
  private readonly nobodys = randomBytes(30).toString('base64')

  /**
   * @throws {BadOption} An option is wrong, or unknown.
   */
  constructor (options: Aws4Options) {
    super(options?.realm)
    this.settings = readAws4Options(options)
  }

  override authenticate (request: AttemptRequest, _options?: AttemptOptions): void {
    let attempt: Aws4Attempt | Aws4RefusalReason | undefined
    try {
      attempt = this.read(request)
    } catch (malformed) {
      return this.fail(malformed, 400)
    }
    if (attempt === undefined) return this.challengeAgain()
    if (typeof attempt === 'string') return this.refuse(attempt, null)
    const signed = attempt
    const find = ({ credentials: { accessKeyId }, sessionToken }: Aws4Attempt) =>
      this.settings.lookup(accessKeyId, sessionToken)
    this.decide(find, signed, (account) => this.judge(request, signed, isRight(account) ? account : null))
  }

  override async reload (): Promise<false | void> {
    return await reloadSources(this.settings.lookup)
  }

  /** No RFC has one, so it is the bare name. */
  override challenge (): Challenge {
    return { scheme: AWS4 }
  }

  override coveredFields ({ headers: { authorization } }: AttemptRequest): readonly string[] {
    if (authorization === undefined) return []
    try {
      // A session token that is there and not signed must not go unnoticed.
      return [...parseAws4Credentials(authorization).signedHeaders, 'x-amz-security-token']
    } catch {
      return [] // `authenticate` will say what is wrong
    }
  }

  /**
   * The content of requests that are refused anyway need not be read. Whether there is such a key,
   * `authenticate` says.
   */
  override contentHashFor (request: AttemptRequest): string | null {
    try {
      const attempt = this.read(request)
      return typeof attempt === 'object' && attempt.payload !== UNSIGNED ? 'sha256' : null
    } catch {
      return null
    }
  }

  /** Reads the credentials as far as that goes without looking anything up. */
  private read (request: AttemptRequest): Aws4Attempt | Aws4RefusalReason | undefined {
    const value = request.headers.authorization
    // Another scheme has another grammar, so of that one only the scheme is read.
    if (value === undefined || !isScheme(value, 'aws4-hmac-sha256') || value.trim().length === AWS4.length) return undefined
    const credentials = parseAws4Credentials(value)
    const { region, service, clockSkew, clock } = this.settings
    if (credentials.region !== region || credentials.service !== service) return 'scope'

    const asked = request.originalUrl ?? request.url ?? ''
    // The host of a tunnel is its target. Clients on HTTP/1.0 do not say it again.
    const linesOf = (name: string) => name === 'host' && request.method === 'CONNECT' ? [asked] : linesIn(request, name)
    const signed = (name: string) => credentials.signedHeaders.includes(name) ? linesOf(name) : []
    const one = (name: string) => signed(name).length === 1 ? signed(name)[0] : undefined
    const date = one('x-amz-date') ?? one('date')
    const isComplete = credentials.signedHeaders.every((name) => linesOf(name).length > 0 && name !== 'proxy-authorization')
    if (!isComplete || date === undefined || one('host') === undefined) return 'fields'
    if (linesOf('x-amz-security-token').length > signed('x-amz-security-token').length) return 'fields'

    const time = readSigningTime(date)
    if (time === undefined || Math.abs(clock() - time) > clockSkew || !formatSigningTime(time).startsWith(credentials.day)) return 'date'
    const target = readSignedTarget(request.method ?? '', asked, one('host'))
    if (target === undefined) return 'target'
    const payload = one('x-amz-content-sha256')
    if (payload === UNSIGNED && !this.settings.unsignedPayload) return 'payload'
    const fields = credentials.signedHeaders.map((name) => [name, name === 'host' ? [target.host] : linesOf(name)] as const)
    return { credentials, target, time, fields, sessionToken: one('x-amz-security-token'), payload }
  }

  private judge (request: AttemptRequest, attempt: Aws4Attempt, account: Aws4Account | null): void {
    const { credentials, target, time, fields, payload: said } = attempt
    const { accessKeyId, signature } = credentials
    if (account !== null && (typeof account.secret !== 'string' || account.secret === '')) {
      return this.error(new TypeError('a key has no secret'))
    }
    const hashed = said === UNSIGNED ? UNSIGNED : hashOfContent(request, 'sha256')
    const isToCome = hashed === null && request.readsContent === true
    // Content to come is what the client says it is, until it is here: so it is not read for a
    // wrong signature.
    const payload = isToCome ? said : hashed
    if (payload === null || (said !== undefined && said !== payload)) return this.refuse('payload', account && accessKeyId)
    const isSigned = payload === undefined || timingSafeEqualText(signature, signRequest(
      { ...target, method: request.method!, fields, payload },
      { ...credentials, time: formatSigningTime(time), escapePath: this.settings.escapePath },
      account?.secret ?? this.nobodys
    ))
    if (account === null) return this.refuse('key', null)
    if (!isSigned) return this.refuse('signature', accessKeyId)
    if (isToCome) return this.fail(undefined, undefined, { reason: 'payload', userId: accessKeyId, guess: false, needsContent: true })
    const { store, clock, clockSkew } = this.settings
    if (store === undefined) return this.grant(account, accessKeyId)
    const claim = () => store.claim(`aws4 ${signature}`, 1, Math.max(0, time + clockSkew - clock()) + GRACE, accessKeyId)
    this.decide(claim, signature, ({ kind, ...rest }) => {
      if (kind === 'new') this.grant(account, accessKeyId)
      else if ('retryAfter' in rest) this.error(new StoreFull(rest.retryAfter))
      else this.refuse('replay', accessKeyId)
    })
  }

  private grant (account: Aws4Account, userId: string): void {
    this.success(account.user ?? { username: userId }, { ...account.info, userId } satisfies Aws4Info)
  }

  private refuse (reason: Aws4RefusalReason, accessKeyId: string | null): void {
    this.settings.onRefused({ reason, accessKeyId })
    this.challengeAgain({ reason, userId: accessKeyId, guess: reason === 'key' || reason === 'signature' })
  }

  private challengeAgain (note?: RefusalNote): void {
    this.fail(formatChallenge(this.challenge()), undefined, note)
  }
}

/**
 * The lines of a field: where we run the strategy, those that were asked for; elsewhere, what node
 * has made of them.
 */
function linesIn ({ fieldLines, headers }: AttemptRequest, name: string): readonly string[] {
  if (fieldLines !== undefined) return fieldLines[name] ?? []
  const value = headers[name]
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}
