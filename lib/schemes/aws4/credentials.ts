import { MalformedCredentials } from '../../errors.js'
import { readScheme } from '../../fields/credentials.js'
import { COMMA, isToken, isVisible, skipOws } from '../../fields/grammar.js'

/** The scheme, as it is written. */
export const AWS4 = 'AWS4-HMAC-SHA256'

/** What a signature is good for: one day, one place, one service. */
export interface Aws4Scope {
  /** The day in UTC, `YYYYMMDD`. */
  readonly day: string
  readonly region: string
  readonly service: string
}

/** Credentials of the scheme AWS4-HMAC-SHA256, taken apart. */
export interface Aws4Credentials extends Aws4Scope {
  readonly accessKeyId: string
  /** The fields that are signed, in lower case, each once, in the order that was signed. */
  readonly signedHeaders: readonly string[]
  /** 64 hex digits in lower case. */
  readonly signature: string
}

/** The most chars of credentials, and the most fields they may sign. */
const MAX_LENGTH = 8192
const MAX_FIELDS = 128
const MAX_KEY_ID = 256
const NO_DIGIT = /[^0-9]/
const NO_HEX = /[^0-9a-f]/
const UPPER = /[A-Z]/

/**
 * Reads the credentials. They are no auth-params, since `/` and `;` occur in values without quotes.
 *
 *     credentials   = "AWS4-HMAC-SHA256" 1*SP part 2( OWS "," OWS part )
 *     part          = "Credential=" access-key-id "/" scope
 *                   / "SignedHeaders=" field-name *( ";" field-name )
 *                   / "Signature=" 64HEXDIG
 *     scope         = 8DIGIT "/" region "/" service "/aws4_request"
 *
 * Each part once, in any order, its name in this case. What is signed is in lower case.
 *
 * @param value - The field value, of this scheme.
 * @throws {MalformedCredentials} It does not follow that, or is longer than 8192 chars.
 * @see
 *   {@link https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html Create a signed request}
 * @example
 * parseAws4Credentials(value).accessKeyId // 'AKIDEXAMPLE'
 */
export function parseAws4Credentials (value: string): Aws4Credentials {
  if (value.length > MAX_LENGTH) throw new MalformedCredentials('too long')
  const start = skipOws(value, 0)
  const parts = readParts(value, start + (readScheme(value)?.length ?? 0))
  const segments = parts.Credential.split('/')
  const [day = '', region = '', service = '', terminator] = segments.splice(-4)
  const accessKeyId = segments.join('/')
  if (terminator !== 'aws4_request' || day.length !== 8 || NO_DIGIT.test(day) || region === '' || service === '') {
    throw new MalformedCredentials('the credential has no scope')
  }
  if (accessKeyId === '' || accessKeyId.length > MAX_KEY_ID) throw new MalformedCredentials('the access key id is empty or too long')
  const signedHeaders = parts.SignedHeaders.split(';')
  if (signedHeaders.length > MAX_FIELDS || signedHeaders.some((name) => !isToken(name) || UPPER.test(name))) {
    throw new MalformedCredentials('a signed header is no name in lower case')
  }
  if (new Set(signedHeaders).size < signedHeaders.length) throw new MalformedCredentials('a header is signed twice')
  const signature = parts.Signature
  if (signature.length !== 64 || NO_HEX.test(signature)) throw new MalformedCredentials('the signature is not 64 hex digits')
  return { accessKeyId, day, region, service, signedHeaders, signature }
}

/**
 * Writes the credentials, as every signer does.
 *
 * @example
 * formatAws4Credentials(credentials)
 * // 'AWS4-HMAC-SHA256 Credential=…, SignedHeaders=host;x-amz-date, Signature=…'
 */
export function formatAws4Credentials (credentials: Aws4Credentials): string {
  const { accessKeyId, signedHeaders, signature } = credentials
  return `${AWS4} Credential=${accessKeyId}/${formatScope(credentials)}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`
}

/** Writes a scope: `20150830/us-east-1/service/aws4_request`. */
export function formatScope ({ day, region, service }: Aws4Scope): string {
  return `${day}/${region}/${service}/aws4_request`
}

type Name = 'Credential' | 'SignedHeaders' | 'Signature'
const NAMES: ReadonlySet<string> = new Set<Name>(['Credential', 'SignedHeaders', 'Signature'])

function readParts (text: string, at: number): Record<Name, string> {
  const parts = new Map<string, string>()
  for (; ; at++) {
    at = skipOws(text, at)
    const end = endOfPart(text, at)
    const equals = text.indexOf('=', at)
    const name = equals === -1 ? '' : text.slice(at, equals)
    if (!NAMES.has(name) || parts.has(name)) throw new MalformedCredentials('Credential, SignedHeaders and Signature are wanted, each once')
    parts.set(name, text.slice(equals + 1, end))
    at = skipOws(text, end)
    if (at === text.length) break
    if (text.charCodeAt(at) !== COMMA) throw new MalformedCredentials('a comma is wanted between the parts')
  }
  if (parts.size < NAMES.size) throw new MalformedCredentials('Credential, SignedHeaders and Signature are wanted, each once')
  return Object.fromEntries(parts) as Record<Name, string>
}

/** Up to a comma, or what is not visible. */
function endOfPart (text: string, at: number): number {
  while (isVisible(text.charCodeAt(at)) && text.charCodeAt(at) !== COMMA) at++
  return at
}
