import type { FastifyError } from '@fastify/error'
import { TargetDenied } from '../../errors.js'

/**
 * The error types of Proxy-Status that a refusal may have: the first for addresses, the second for
 * names and ports.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9209#section-2.3.5 RFC 9209, 2.3.5 and 2.3.17}
 */
export type DeniedType = 'destination_ip_prohibited' | 'http_request_denied'

/** Why a target is refused. */
export interface Denial {
  /** For the client, so never an address: it must not learn what a name means inside. */
  readonly reason: string
  readonly proxyStatus: DeniedType
  /** For our own log: the address that was refused. */
  readonly address?: string
  /** For our own log: the special-purpose block it is in. */
  readonly block?: string
  /** For our own log: the name of the rule that refuses. */
  readonly rule?: string
  /** The status, where it is another. */
  readonly statusCode?: number
  /** Fields for the response. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A `TargetDenied` with what Proxy-Status and the log need; these members are not enumerable. */
export type DeniedError = FastifyError & Denial

/**
 * Makes the error for a refusal. Its status is 403: RFC 9209 recommends 502 for addresses, which
 * clients retry.
 */
export function denied (denial: Denial): DeniedError {
  const error = new TargetDenied(denial.reason)
  for (const [name, value] of Object.entries(denial)) Object.defineProperty(error, name, { value })
  return error as DeniedError
}
