import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { Events } from '../../events/events.js'
import type { ClosedEvent, DeniedEvent, ExchangeEvent, OpenedEvent } from '../../events/payloads.js'
import { formatAuthority } from '../../fields/target.js'
import type { AbsoluteTarget, AuthorityTarget } from '../../fields/target.js'
import type { Permit } from '../../policy/permission/permit.js'
import type { PolicyForm } from '../../policy/rules/document.js'
import { canonicalName } from '../../policy/target/canonical-host.js'
import type { DeniedError } from '../../policy/target/denied.js'
import type { Milliseconds, ProxyIdentity } from '../../types.js'

/** What is proxied. */
export interface Recorded {
  /** How the request came; an upgrade is `websocket` on a reverse route as well. */
  readonly form: PolicyForm
  /** As the client has it, or the name of an upstream, which is written as it is. */
  readonly target: AuthorityTarget | AbsoluteTarget | string
  /** Path and query, where the log is to have them. */
  readonly path?: string | undefined
  /** When it began, by `performance.now()`, where that was before. */
  readonly began?: Milliseconds | undefined
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
   * `forbidden`, `ended`, or the code of an error.
   */
  readonly reason?: string | undefined
  /** The parent proxy that it failed at. */
  readonly parent?: string | undefined
  /** The account whose credentials a parent has refused. */
  readonly account?: string | undefined
  /** Why it was denied. Left out: it was not. */
  readonly denial?: string | undefined
}

/** What an exchange had moved at some time, and how fast that went: octets a second. */
export interface Pace {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly rateIn: number
  readonly rateOut: number
}

/** What follows one exchange. */
export interface RecordSpan {
  /** The target has been reached. */
  open (): void
  /** It has ended. Called once. */
  close (record: ExchangeRecord, ending: Ending): void
}

/** What follows exchanges, for tracing. */
export interface RecordTracing {
  /** An exchange begins. `undefined`: this one is not traced. It does not throw. */
  begin (request: FastifyRequest, record: ExchangeRecord): RecordSpan | undefined
}

/** What a record tells when the exchange has ended. */
export interface RecordKeeper {
  readonly events: Events
  readonly tracing?: RecordTracing | undefined
  /** Counts it for its user. */
  count (record: ExchangeRecord, ending: Ending): void
}

/**
 * What there is to know of a proxied exchange: who asks for what, what was decided, and how it
 * ended. The log, the events and the accounts of use all read it. Never a credential; and neither
 * path nor query, where origins have theirs, unless it is given.
 *
 * It keeps nothing of the request but text and its logger.
 */
export class ExchangeRecord {
  readonly id: string
  readonly identity: ProxyIdentity | null
  readonly method: string
  readonly form: PolicyForm
  readonly path: string | undefined
  /** The address of the client, where there is one and it is told to anything. */
  readonly client: string | undefined
  /** By `performance.now()`. */
  readonly began: Milliseconds
  /** What it has been permitted by, where something has to. */
  permit: Permit | undefined
  /** Where its target has been reached, where that is known and is not by a parent. */
  address: string | undefined
  /** The name of the parent proxy that it goes by. */
  parent: string | undefined
  /** What it had moved when it was looked at last, where rates are measured. */
  pace: Pace | undefined
  /** Whether its target has been reached. */
  hasOpened = false
  /** Whether it has ended: its octets are counted. */
  hasClosed = false
  private name: string | undefined
  /** `undefined` where nothing would be written: a tunnel would keep it for nothing. */
  private readonly log: FastifyBaseLogger | undefined
  private readonly to: Recorded['target']
  private readonly span: RecordSpan | undefined

  constructor (
    request: FastifyRequest, { form, target, path, began = performance.now() }: Recorded,
    private readonly keeper: RecordKeeper
  ) {
    const { log, id, method, proxyAuth } = request
    this.log = isSilent(log) ? undefined : log
    this.id = id
    this.method = method
    this.identity = proxyAuth
    this.form = form
    this.to = target
    this.path = path
    this.began = began
    // The system may have to be asked, and it does not know later.
    this.client = this.log !== undefined || keeper.events.hearsExchanges ? request.ip : undefined
    this.span = keeper.tracing?.begin(request, this)
  }

  /** The target with its host in the spelling that rules are asked about. */
  get target (): string {
    this.name ??= nameOf(this.to)
    return this.name
  }

  /** Whether it is a CONNECT or an upgrade; else it is a request. */
  get isTunnel (): boolean { return this.form === 'connect' || this.form === 'websocket' }

  /** Since it began. */
  get age (): Milliseconds {
    return Math.round(performance.now() - this.began)
  }

  /** Says that the target has been reached. */
  open (): void {
    if (this.hasOpened) return
    this.hasOpened = true
    this.span?.open()
    if (this.keeper.events.hears('opened')) this.tellOpened()
  }

  private tellOpened (): void {
    const event: Writable<Omit<OpenedEvent, 'gateway'>> = this.described()
    event.durationMs = this.age
    this.keeper.events.tell('opened', event as Omit<OpenedEvent, 'gateway'>)
  }

  /** Says that it has ended: one line in the log, and an event. */
  close (ending: Ending): void {
    const { status, bytesIn, bytesOut, reason, account, denial } = ending
    const { keeper, permit } = this
    const { events } = keeper
    this.hasClosed = true
    this.parent = ending.parent ?? this.parent
    keeper.count(this, ending)
    this.span?.close(this, ending)
    const event = denial === undefined ? 'closed' : 'denied'
    const isHeard = events.hears(event)
    if (this.log === undefined && !isHeard) return
    const proxy: Writable<EndEvent> = this.described()
    // Members are set one by one: behind a spread each costs as much as all others together.
    proxy.denial = denial ?? permit?.decision?.reason ?? undefined
    proxy.status = status
    proxy.bytesIn = bytesIn
    proxy.bytesOut = bytesOut
    proxy.durationMs = this.age
    proxy.reason = reason
    proxy.account = account
    // The line leaves out an address where there is none.
    this.log?.info({ proxy: { ...proxy, client: this.client } }, denial === undefined ? 'proxied' : 'denied')
    if (isHeard) events.tell(event, proxy as EndEvent)
  }

  /** Who asks for what, and what was decided. */
  described (): Omit<ExchangeEvent, 'gateway'> {
    const { id, client, form, method, path, permit, target, parent, address } = this
    const { name: user = null, scheme = null, realm = null } = this.identity ?? {}
    const decision = permit?.decision
    const { rule, action, wouldDeny } = decision === undefined || decision.action === null ? UNDECIDED : decision
    // One literal, with all members: a spread within it would make it many times slower.
    return {
      id,
      user,
      groups: permit?.groups,
      scheme,
      realm,
      client: client ?? null,
      form,
      method,
      target,
      path,
      address: parent === undefined ? address : undefined,
      rule,
      // What holds of a request where refusals are only reported is no denial.
      decision: wouldDeny === true ? 'report' : action,
      wouldDeny,
      parent
    } as Omit<ExchangeEvent, 'gateway'>
  }
}

type EndEvent = Omit<ClosedEvent & DeniedEvent, 'gateway'>
type Writable<Event> = { -readonly [Name in keyof Event]?: Event[Name] | undefined }

const UNDECIDED = { rule: undefined, action: undefined, wouldDeny: undefined }

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

const DEFAULT_PORTS = { http: 80, https: 443 }

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
