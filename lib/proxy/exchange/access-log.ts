import type { FastifyRequest } from 'fastify'

/** How a proxied exchange ended. */
export interface Ending {
  /** The status that the client got; 200 for a tunnel that stood. */
  readonly status: number
  /** Octets from the client to the target: content of a request, everything of a tunnel. */
  readonly bytesIn: number
  /** Octets from the target to the client. */
  readonly bytesOut: number
  /**
   * Why it ended, unless by itself: `idle`, `expired`, `aborted`, `closing`, `revoked`, or the code
   * of an error.
   */
  readonly reason?: string | undefined
  /** The name of the parent proxy that it went by, or that it failed at. */
  readonly parent?: string | undefined
  /** The account whose credentials a parent has refused. */
  readonly account?: string | undefined
}

/**
 * Starts the record of a proxied exchange: one line in the log, at its end, with user, scheme,
 * target, status, octets each way and duration. Never a credential, nor a path or query, where
 * origins have theirs.
 *
 * @param target - `host:port` of a tunnel, `scheme://authority` of a forwarded request.
 * @returns To be called when it has ended. It keeps nothing of the request but its logger.
 */
export function logExchange ({ log, method, proxyAuth }: FastifyRequest, target: string): (ending: Ending) => void {
  const started = performance.now()
  const user = proxyAuth?.name ?? null
  const scheme = proxyAuth?.scheme ?? null
  return ({ status, bytesIn, bytesOut, reason, parent, account }) => {
    const durationMs = Math.round(performance.now() - started)
    const proxy = { user, scheme, method, target, status, bytesIn, bytesOut, durationMs, reason, parent, account }
    log.info({ proxy }, 'proxied')
  }
}

/** What a failure says of how the exchange ended. */
export function endingBy (failure: Error): Pick<Ending, 'status' | 'reason' | 'parent' | 'account'> {
  const { statusCode: status = 500, code: reason = 'error', parent, account } = failure as RecordedFailure
  return { status, reason, parent, account }
}

type RecordedFailure = Error & { statusCode?: number, code?: string, parent?: string, account?: string }
