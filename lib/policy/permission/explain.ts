import { BadOption } from '../../errors.js'
import { checkOptions } from '../../check-option.js'
import { formatAuthority, parseTarget } from '../../fields/target.js'
import type { AbsoluteTarget, AuthorityTarget } from '../../fields/target.js'
import type { ConsideredRule } from '../rules/explain.js'
import type { Policy } from '../rules/policy.js'
import type { PolicyRequest } from '../rules/request.js'
import { isListOfText } from '../rules/user-groups.js'
import type { Access, ExaminedTarget } from '../target/access.js'
import type { Target } from '../target/check.js'
import type { DeniedError } from '../target/denied.js'
import { Permissions } from './permissions.js'
import { Permit } from './permit.js'

/** A request to be explained: who asks for what. What is left out is not known. */
export interface ExplainedRequest {
  /** The name of the user, as in the log. */
  readonly user?: string
  /** The groups of the user. Left out: none. */
  readonly groups?: readonly string[]
  /** The scheme that the user authenticates by. `null`: a strategy without one. */
  readonly scheme?: string | null
  /** Whether the request comes without credentials. Left out: it does not. */
  readonly anonymous?: boolean
  /** The address that the client comes from. */
  readonly client?: string
  /** The method. Left out: `CONNECT` for a tunnel, else not known. */
  readonly method?: string
  /**
   * Where to: `host:port` for a tunnel, `http://host/path` or `https://host/path` for a request in
   * absolute-form, the path that the upstream gets for a request to a reverse route.
   */
  readonly target: string
  /** The prefix of the reverse route. Left out: it is a request to the forward proxy. */
  readonly route?: string
  /** Whether it is an upgrade, as of a WebSocket. Left out: it is none. */
  readonly websocket?: boolean
}

/** What becomes of one address that a target has. */
export interface ExplainedAddress {
  readonly address: string
  readonly allowed: boolean
  /** Why it is refused. */
  readonly reason: string | null
}

/** Why a request is allowed or refused. There is no secret in it. */
export interface Explanation {
  readonly allowed: boolean
  /** The target in its canonical spelling, or the reverse route. */
  readonly target: string
  /** The rule that decides. `null`: none, but a list, an address or the default. */
  readonly rule: string | null
  /** Why it is refused, or would be if refusals were not only reported. */
  readonly reason: string | null
  /** It goes through because refusals are only reported. */
  readonly wouldDeny: boolean
  /** The rules that were looked at, in order. */
  readonly considered: readonly ConsideredRule[]
  /** The addresses of the target, where it has come to them. */
  readonly addresses: readonly ExplainedAddress[]
  /** Whether `forward.check` or `authorize` is asked as well, which may refuse. */
  readonly asksCode: boolean
  /** All of it in a sentence. */
  readonly summary: string
}

/** What there is to explain by. */
export interface ExplainOptions {
  readonly policy: Policy | undefined
  /** `undefined`: there is no forward proxy. */
  readonly access: Pick<Access, 'examine'> | undefined
  readonly asksCode: boolean
}

/** Functions are not called to explain. */
const RULES_ALONE = { groups: undefined, authorize: undefined, authorizeTimeout: 0 } as const

const OPTIONS = new Set([
  'user', 'groups', 'scheme', 'anonymous', 'client', 'method', 'target', 'route', 'websocket'
])

/**
 * Explains what would become of a request. A name is resolved for it, and nothing is dialled.
 *
 * @throws {BadOption} A member is wrong. The message names it, never its value.
 * @throws {BadTarget} The target is none.
 * @throws {DnsFailed} {@link DnsTimeout} Its name cannot be resolved.
 */
export async function explainRequest (
  asked: ExplainedRequest, { policy, access, asksCode }: ExplainOptions
): Promise<Explanation> {
  const { request, target } = read(asked)
  const explained = policy?.explain(request)
  const permit = policy && new Permit(request, undefined, new Permissions({ policy, ...RULES_ALONE }))
  const { denial, addresses } = target === undefined ? onRoute(permit) : await toTarget(target, permit, access)
  const { decision } = permit ?? {}
  const allowed = denial === null
  const explanation = {
    allowed,
    target: explained?.target ?? request.route ?? formatAuthority(request.host!, request.port!),
    rule: (allowed ? decision?.rule : denial.rule) ?? null,
    reason: (allowed ? decision?.reason : denial.reason) ?? null,
    wouldDeny: allowed && decision?.wouldDeny === true,
    considered: explained?.considered ?? [],
    addresses: addresses.map(({ address, denial: own }) => {
      return { address, allowed: own === null, reason: own?.reason ?? null }
    }),
    asksCode
  }
  return { ...explanation, summary: sentence(explanation) }
}

function onRoute (permit: Permit | undefined): ExaminedTarget {
  try {
    permit?.askRules()
    return { denial: null, addresses: [] }
  } catch (denial) {
    return { denial: denial as DeniedError, addresses: [] }
  }
}

async function toTarget (
  target: Target, permit: Permit | undefined, access: ExplainOptions['access']
): Promise<ExaminedTarget> {
  if (access === undefined) return { denial: { reason: 'there is no forward proxy', proxyStatus: 'http_request_denied' }, addresses: [] }
  return await access.examine(target, permit)
}

function sentence ({ allowed, target, rule, reason, wouldDeny }: Omit<Explanation, 'summary'>): string {
  const by = rule === null ? '' : ` by rule "${rule}"`
  if (wouldDeny) return `${target} is let through, and would be denied${by}: ${reason}`
  return allowed ? `${target} is allowed${by}` : `${target} is denied${by}: ${reason}`
}

/** The members that are text, where they are there. */
const TEXTS = ['user', 'client', 'method', 'route'] as const

/** @throws {BadOption} It is not what the types say. */
function refuseWrong (asked: ExplainedRequest): void {
  const { target, groups = [], scheme = null } = asked
  if (typeof target !== 'string') throw new BadOption('target', 'text', typeof target)
  for (const name of TEXTS) {
    const value: unknown = asked[name]
    if (value !== undefined && typeof value !== 'string') throw new BadOption(name, 'text', typeof value)
  }
  if (scheme !== null && typeof scheme !== 'string') throw new BadOption('scheme', 'text or null', typeof scheme)
  if (!isListOfText(groups)) throw new BadOption('groups', 'a list of text', typeof groups)
}

/** @throws {BadOption} {@link BadTarget} */
function read (asked: ExplainedRequest): { request: PolicyRequest, target: Target | undefined } {
  const { target: text, route, websocket = false, ...rest } = checkOptions(asked, OPTIONS)
  refuseWrong(asked)
  if (route !== undefined) {
    const form = websocket ? 'websocket' : 'reverse'
    return { request: { ...rest, form, route, path: text }, target: undefined }
  }
  const parsed = parseTarget(text.includes('://') ? 'GET' : 'CONNECT', text, websocket) as AbsoluteTarget | AuthorityTarget
  const { host, port } = parsed
  if (parsed.form === 'authority') {
    return { request: { ...rest, form: 'connect', host, port }, target: { host, port, scheme: 'connect' } }
  }
  const { scheme, path } = parsed
  const form = websocket ? { form: 'websocket', upgradeOf: scheme } as const : { form: scheme }
  return { request: { ...rest, ...form, host, port, path }, target: { host, port, scheme } }
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Says whether a request would be allowed, by which rule, and why; with the addresses that the
     * target has. Nothing is dialled, and there is no secret in what it says.
     *
     * @throws {BadOption} The request is wrong.
     * @throws {BadTarget} The target is none.
     * @throws {DnsFailed} @throws {DnsTimeout} Its name cannot be resolved.
     * @example
     * const { summary } = await app.proxyAuthExplain({
     *   user: 'alice', groups: ['ci'], target: 'example.org:443'
     * })
     * // 'example.org:443 is denied: no rule allows it'
     */
    proxyAuthExplain (request: ExplainedRequest): Promise<Explanation>
  }
}
