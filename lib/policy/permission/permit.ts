import type { Eventual } from '../../eventual.js'
import type { ProxyIdentity } from '../../types.js'
import type { Address } from '../address/interleave.js'
import type { PolicyDecision } from '../rules/decision.js'
import type { PolicyRequest } from '../rules/request.js'
import { denied } from '../target/denied.js'
import type { Denial } from '../target/denied.js'

/** What is asked for, beside who asks. */
export type Wanted = Omit<PolicyRequest, 'user' | 'groups' | 'scheme' | 'anonymous' | 'address'>

/** What is asked. */
export interface Permitting {
  /** Counts the changes of the rules. */
  readonly version: number
  /** What the rules say, `undefined` where there are none. */
  decide (request: PolicyRequest): PolicyDecision | undefined
  /**
   * Asks the function, if there is one.
   *
   * @throws {TargetDenied} It refuses.
   * @throws {CheckFailed} {@link CheckTimeout} It could not tell.
   */
  authorize (request: PolicyRequest, identity: ProxyIdentity): Eventual<void>
}

/**
 * A request that rules and the function `authorize` have to permit. It goes on being asked about
 * for as long as it is under way.
 */
export class Permit {
  /** What the rules have said last, and `undefined` where there are none. */
  decision: PolicyDecision | undefined
  /** Which version of the rules that was. */
  private version = 0
  /** Where the name may lead. `undefined`: that is not known yet. None: to where a parent says. */
  private addresses: readonly Address[] | undefined

  constructor (
    private readonly request: PolicyRequest,
    private readonly identity: ProxyIdentity | undefined,
    private readonly by: Permitting
  ) {}

  /** The groups of the user. */
  get groups (): readonly string[] { return this.request.groups! }

  /**
   * Asks the rules, as far as they can tell without addresses, and then the function.
   *
   * @throws {TargetDenied} One of them refuses.
   * @throws {CheckFailed} {@link CheckTimeout} The function could not tell.
   */
  ask (): Eventual<void> {
    this.askRules()
    return this.by.authorize(this.request, this.identity!)
  }

  /** @throws {TargetDenied} The rules refuse, as far as they can tell without addresses. */
  askRules (): void {
    const { request, by } = this
    this.decision = by.decide(request)
    this.version = by.version
    if (this.decision?.allowed === false) throw denied(denialOf(this.decision))
  }

  /** Whether rules have opened the port of the target. */
  get opensPort (): boolean {
    return opensPort(this.decision)
  }

  /** Whether the addresses of the name have yet to tell. */
  get isOpen (): boolean {
    return this.decision?.allowed === null
  }

  /** What the rules say of the target at one of its addresses; `undefined` where there are none. */
  at (address: string): PolicyDecision | undefined {
    const { request, by, decision, version } = this
    if (decision === undefined || (decision.allowed !== null && version === by.version)) return decision
    return by.decide({ ...request, address })
  }

  /** The target is to be reached at one of these. What the rules say of the first counts. */
  settle (addresses: readonly Address[]): void {
    const [first] = this.addresses = addresses
    if (first !== undefined) this.decision = this.at(first.address)
  }

  /**
   * The name is resolved elsewhere, so there are no addresses to ask about.
   *
   * @throws {TargetDenied} Only they could have told.
   */
  keepName (): void {
    this.addresses = []
    if (this.decision?.allowed === null) throw denied({ reason: NEEDS_ADDRESS, proxyStatus: 'http_request_denied' })
  }

  /**
   * Whether the rules of now let it go on.
   *
   * @param address - Where the target has been reached. `undefined`: that is not known.
   */
  isStillAllowed (address: string | undefined): boolean {
    const { request, by, addresses } = this
    const allowed = by.decide(request)?.allowed
    if (allowed !== null) return allowed !== false
    const may = (at: string) => by.decide({ ...request, address: at })!.allowed === true
    if (address !== undefined) return may(address)
    // While the name is being resolved nothing is reached: its addresses are asked about behind
    // that.
    return addresses === undefined || (addresses.length > 0 && addresses.every((each) => may(each.address)))
  }
}

const NEEDS_ADDRESS = 'a rule needs the address of the target'

/** Why rules refuse a target, at an address where there is one. */
export function denialOf ({ reason, rule }: PolicyDecision, address?: string): Denial {
  return {
    reason: reason ?? NEEDS_ADDRESS,
    proxyStatus: address === undefined ? 'http_request_denied' : 'destination_ip_prohibited',
    ...(address !== undefined && { address }),
    ...(rule !== null && { rule })
  }
}

/** Whether rules allow the target by themselves: they have looked at its port then. */
export function opensPort (decision: PolicyDecision | undefined): boolean {
  return decision !== undefined && decision.action === 'allow' && decision.rule !== null
}
