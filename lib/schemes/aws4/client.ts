import { hash } from 'node:crypto'
import { NotRepresentable } from '../../errors.js'
import { formatAws4Credentials, parseAws4Credentials } from './credentials.js'
import { formatSigningTime } from './date.js'
import { HASH_OF_NOTHING, signRequest } from './signature.js'
import { readSignedTarget } from './signed-target.js'

/** The key that signs, and the scope that it signs for. */
export interface Aws4Signer {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary keys. It is sent, and signed. */
  readonly sessionToken?: string
  readonly region: string
  readonly service: string
  /**
   * Whether the path is normalised and escaped once more, as for every service but S3. Default
   * true.
   */
  readonly escapePath?: boolean
}

/** What is to be signed. */
export interface Aws4Request {
  readonly method: string
  /**
   * As in the request line: a path, an absolute URI for a proxy, `host:port` for CONNECT. One char
   * per octet.
   */
  readonly target: string
  /**
   * The fields to sign, `host` among them; for CONNECT that one may be left out. One char per
   * octet.
   */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** The content as it is sent; text is UTF-8. `null` leaves it unsigned. Default: none. */
  readonly content?: string | Uint8Array | null
  /** When it is signed, in ms since the epoch. Default: now. */
  readonly time?: number
}

/**
 * Signs a request in the way of AWS Signature Version 4: the client's half of `Aws4Strategy`.
 *
 * @returns The fields to add, by their names in lower case: `proxy-authorization`, `x-amz-date`
 *   and, where they are needed, `x-amz-security-token` and `x-amz-content-sha256`. For an origin,
 *   the first goes as `authorization`.
 * @throws {NotRepresentable} The target is none, `host` is missing or names another host than the
 *   target, or a name or key id cannot be sent.
 * @see
 *   {@link https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html AWS Signature Version 4}
 * @example
 * signAws4({ method: 'CONNECT', target: 'origin.test:443', headers: {} }, {
 *   accessKeyId: 'alice', secretAccessKey: 'alice-secret', region: 'local', service: 'proxy'
 * })
 */
export function signAws4 (request: Aws4Request, signer: Aws4Signer): Record<string, string> {
  const { method, content, time: now = Date.now() } = request
  const { accessKeyId, secretAccessKey, sessionToken, region, service, escapePath = true } = signer
  const time = formatSigningTime(now)
  const added: Record<string, string> = { 'x-amz-date': time }
  if (sessionToken !== undefined) added['x-amz-security-token'] = sessionToken
  if (content === null) added['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'

  const fields = new Map(Object.entries({ ...request.headers, ...added }).map(([name, value]) =>
    [name.toLowerCase(), typeof value === 'string' ? [value] : value]))
  const target = readSignedTarget(method, request.target, fields.get('host')?.[0])
  if (target === undefined) throw new NotRepresentable(0)
  fields.set('host', [target.host])

  const day = time.slice(0, 8)
  const payload = added['x-amz-content-sha256'] ?? (content === undefined ? HASH_OF_NOTHING : hash('sha256', content!, 'hex'))
  const sorted = [...fields].sort(([a], [b]) => a < b ? -1 : 1)
  const signature = signRequest(
    { ...target, method, fields: sorted, payload }, { day, region, service, time, escapePath }, secretAccessKey
  )
  const credentials = { accessKeyId, day, region, service, signedHeaders: sorted.map(([name]) => name), signature }
  return { 'proxy-authorization': checked(formatAws4Credentials(credentials)), ...added }
}

function checked (credentials: string): string {
  try {
    parseAws4Credentials(credentials)
  } catch {
    throw new NotRepresentable(0)
  }
  return credentials
}
