import type { FastifyRequest } from 'fastify'
import type { PolicyDecision } from '../../policy/rules/decision.js'
import type { PolicyForm } from '../../policy/rules/document.js'

/** What rules say of a request, as far as they have been asked. */
export interface Permitted {
  /** The groups of the user. */
  readonly groups: readonly string[]
  /** `undefined`: the rules have not been asked, or not yet. */
  readonly decision: PolicyDecision | undefined
}

/** What is proxied. */
export interface Recorded {
  /** How the request came; an upgrade is `websocket` on a reverse route as well. */
  readonly form: PolicyForm
  /** `host:port` of a tunnel, `scheme://authority` of a forwarded request or of an upstream. */
  readonly target: string
  /** Read at the end. It must not hold the request. Left out: there are no rules. */
  readonly permit?: Permitted | undefined
}

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
 * @returns To be called when it has ended. It keeps nothing of the request but text and its logger.
 */
export function logExchange (request: FastifyRequest, { form, target, permit }: Recorded): (ending: Ending) => void {
  const { log, method, proxyAuth } = request
  const started = performance.now()
  const user = proxyAuth?.name ?? null
  const scheme = proxyAuth?.scheme ?? null
  return ({ status, bytesIn, bytesOut, reason, parent, account }) => {
    const durationMs = Math.round(performance.now() - started)
    const decided = permit === undefined ? undefined : { groups: permit.groups, ...decisionOf(permit.decision) }
    const proxy = {
      user, scheme, form, method, target, ...decided, status, bytesIn, bytesOut, durationMs, reason, parent, account
    }
    log.info({ proxy }, 'proxied')
  }
}

function decisionOf (decision: PolicyDecision | undefined): object | undefined {
  if (decision === undefined || decision.action === null) return undefined
  const { rule, action, wouldDeny } = decision
  return { rule, decision: wouldDeny ? 'report' : action, wouldDeny }
}

/** What a failure says of how the exchange ended. */
export function endingBy (failure: Error): Pick<Ending, 'status' | 'reason' | 'parent' | 'account'> {
  const { statusCode: status = 500, code: reason = 'error', parent, account } = failure as RecordedFailure
  return { status, reason, parent, account }
}

type RecordedFailure = Error & { statusCode?: number, code?: string, parent?: string, account?: string }
