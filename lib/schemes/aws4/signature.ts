import { createHmac, hash } from 'node:crypto'
import { canonicalRequest } from './canonical-request.js'
import type { SignedRequest } from './canonical-request.js'
import { AWS4, formatScope } from './credentials.js'
import type { Aws4Scope } from './credentials.js'

/** What a signature says beside the request. */
export interface SigningContext extends Aws4Scope {
  /** When it was made, `YYYYMMDDTHHMMSSZ`. */
  readonly time: string
  /** Whether the path is normalised and escaped: see {@link canonicalRequest}. */
  readonly escapePath: boolean
}

/** The hash of no content. */
export const HASH_OF_NOTHING = hash('sha256', '', 'hex')

/**
 * Signs a request.
 *
 * @param secret - The secret access key.
 * @returns 64 hex digits in lower case.
 * @see
 *   {@link https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html Create a signed request}
 * @example
 * signRequest(request, {
 *   day: '20150830', region: 'local', service: 'proxy', time: '20150830T123600Z', escapePath: true
 * }, secret)
 */
export function signRequest (request: SignedRequest, context: SigningContext, secret: string): string {
  const text = stringToSign(request, context)
  return createHmac('sha256', signingKey(context, secret)).update(text).digest('hex')
}

/** The text whose HMAC is the signature. */
export function stringToSign (request: SignedRequest, context: SigningContext): string {
  // One char per octet: what is signed are the octets that came.
  const canonical = Buffer.from(canonicalRequest(request, context.escapePath), 'latin1')
  return [AWS4, context.time, formatScope(context), hash('sha256', canonical, 'hex')].join('\n')
}

/** The key of one day, region and service. */
export function signingKey ({ day, region, service }: Aws4Scope, secret: string): Buffer {
  let key: Buffer | string = `AWS4${secret}`
  for (const part of [day, region, service, 'aws4_request']) key = createHmac('sha256', key).update(part).digest()
  return key as Buffer
}
