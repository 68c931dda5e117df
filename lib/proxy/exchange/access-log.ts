import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { formatAuthority } from '../../fields/authority.js'
import type { AbsoluteTarget, AuthorityTarget } from '../../fields/target.js'
import type { PolicyDecision } from '../../policy/rules/decision.js'
import type { PolicyForm } from '../../policy/rules/document.js'
import { canonicalName } from '../../policy/target/canonical-host.js'
import type { DeniedError } from '../../policy/target/denied.js'

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
  /** As the client has it, or the name of an upstream, which is written as it is. */
  readonly target: AuthorityTarget | AbsoluteTarget | string
  /** Path and query, where the log is to have them. */
  readonly path?: string | undefined
  /** What it has been permitted by, where something has to. It may come later, until the end. */
  permit?: Permitted | undefined
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
   * Why it ended, unless by itself: `idle`, `expired`, `aborted`, `closing`, `revoked`,
   * `forbidden`, or the code of an error.
   */
  readonly reason?: string | undefined
  /** The address that it was sent to. Not written where it went by a parent. */
  readonly address?: string | undefined
  /** The name of the parent proxy that it went by, or that it failed at. */
  readonly parent?: string | undefined
  /** The account whose credentials a parent has refused. */
  readonly account?: string | undefined
  /** Why it was denied. Left out: it was not. */
  readonly denial?: string | undefined
}

/**
 * Starts the record of a proxied exchange: one line in the log, at its end, of who asked for what,
 * what was decided and how it ended. `docs/reference/decision-log.schema.json` says what is in it.
 * Never a credential; and neither path nor query, where origins have theirs, unless it is given.
 *
 * @returns To be called when it has ended. It keeps nothing of the request but text and its logger.
 */
export function logExchange (request: FastifyRequest, recorded: Recorded): (ending: Ending) => void {
  const { log, id, method, proxyAuth } = request
  if (isSilent(log)) return ignore
  const started = performance.now()
  const { ip: client } = request // the system may have to be asked, and it does not know later
  const { form, path } = recorded
  const { name: user = null, scheme = null, realm = null } = proxyAuth ?? {}
  const target = nameOf(recorded.target)
  return ({ status, bytesIn, bytesOut, reason, parent, account, denial, address: reached }) => {
    const durationMs = Math.round(performance.now() - started)
    const { permit } = recorded
    const address = parent === undefined ? reached : undefined
    const decision = permit && decisionIn(permit)
    const why = denial ?? permit?.decision?.reason ?? undefined
    const proxy = {
      id,
      user,
      groups: permit?.groups,
      scheme,
      realm,
      client,
      form,
      method,
      target,
      path,
      address,
      ...decision,
      denial: why,
      status,
      bytesIn,
      bytesOut,
      durationMs,
      reason,
      parent,
      account
    }
    log.info({ proxy }, denial === undefined ? 'proxied' : 'denied')
  }
}

/** What a failure says of how the exchange ended. */
export function endingBy (failure: Error): Pick<Ending, 'status' | 'reason' | 'parent' | 'account' | 'denial'> {
  const { statusCode: status = 500, code: reason = 'error', parent, account, proxyStatus, reason: why } = failure as RecordedFailure
  return { status, reason, parent, account, denial: proxyStatus === undefined ? undefined : why }
}

type RecordedFailure = Error & Partial<DeniedError> & { parent?: string, account?: string }

/**
 * Whether a line would not be written. What Fastify and pino have in the place of a method that is
 * off has this name.
 */
function isSilent ({ info }: FastifyBaseLogger): boolean {
  return info.name === 'noop'
}

function ignore (): void {}

/** What holds of a request where refusals are only reported is no denial. */
function decisionIn ({ decision }: Permitted): object | undefined {
  if (decision === undefined || decision.action === null) return undefined
  const { rule, action, wouldDeny } = decision
  return { rule, decision: wouldDeny ? 'report' : action, wouldDeny }
}

const DEFAULT_PORTS = { http: 80, https: 443 }

/** A target with its host in the spelling that rules are asked about. */
function nameOf (target: Recorded['target']): string {
  if (typeof target === 'string') return target
  const { host: written, port } = target
  let host = written
  try {
    host = canonicalName(written)
  } catch {} // it is no host, and will be refused
  if (target.form === 'authority') return formatAuthority(host, port)
  const { scheme } = target
  return `${scheme}://${formatAuthority(host, port, DEFAULT_PORTS[scheme])}`
}
