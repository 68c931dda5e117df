import type { Eventual } from '../../eventual.js'
import type { DigestAlgorithmName } from '../../schemes/digest/algorithm.js'

/** Credentials of the gateway for a parent proxy, by their scheme. */
export type ParentCredentials =
  | ParentBasicCredentials
  | ParentBearerCredentials
  | ParentDigestCredentials
  | ParentNtlmCredentials
  | ParentNegotiateCredentials
  | ParentAws4Credentials

/** RFC 7617: sent unasked. */
export interface ParentBasicCredentials {
  readonly scheme: 'Basic'
  /** Without a colon. */
  readonly username: string
  readonly password: string
}

/** RFC 6750: sent unasked. */
export interface ParentBearerCredentials {
  readonly scheme: 'Bearer'
  /**
   * The token, or a function that gives it. The function is asked when there is none yet, and once
   * more after the parent has refused one, which it then gets.
   */
  readonly token: string | ((refused: string | undefined) => Eventual<string>)
}

/** RFC 7616: sent unasked once a challenge of the parent is known. */
export interface ParentDigestCredentials {
  readonly scheme: 'Digest'
  readonly username: string
  readonly password: string
  /** The algorithms to accept. Default all. */
  readonly algorithms?: readonly DigestAlgorithmName[]
  /**
   * What becomes of a response whose `rspauth` is wrong: `'refuse'` makes it 502. `'require'` does
   * so where it is absent, too, as from a parent that does not ask; `'ignore'` does not look.
   * Default `'refuse'`.
   */
  readonly rspauth?: 'ignore' | 'refuse' | 'require'
}

/** MS-NTHT: each connection to the parent is this account's alone. */
export interface ParentNtlmCredentials {
  readonly scheme: 'NTLM'
  readonly username: string
  /** Either this or `ntHash`. */
  readonly password?: string
  /** The NT hash of the password in 32 hex digits. It is as good as the password. */
  readonly ntHash?: string
  readonly domain?: string
  readonly workstation?: string
}

/** RFC 4559, with the package `kerberos`: each connection to the parent is this account's alone. */
export interface ParentNegotiateCredentials {
  readonly scheme: 'Negotiate'
  /** The service of the parent, `HTTP@parent.test`. Default `HTTP@` and the host of its URL. */
  readonly service?: string
  /** The client's principal; default that of the ticket cache or keytab that GSSAPI finds. */
  readonly principal?: string
  /**
   * Whether the parent must prove that it is the service, with a token in its response, before
   * content is sent to it. What it sends of that is checked either way. Default `false`: Squid
   * sends nothing.
   */
  readonly mutual?: boolean
}

/**
 * AWS Signature Version 4: each request is signed. Content is not: a parent has to take
 * `UNSIGNED-PAYLOAD`.
 */
export interface ParentAws4Credentials {
  readonly scheme: 'AWS4'
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly region: string
  readonly service: string
}
