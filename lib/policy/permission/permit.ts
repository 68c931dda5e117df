import { after } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { ProxyIdentity } from '../../types.js'
import type { Address } from '../address/interleave.js'
import type { PolicyDecision } from '../rules/decision.js'
import type { PolicyAsker, PolicyRequest } from '../rules/request.js'
import { denied } from '../target/denied.js'
import type { Denial } from '../target/denied.js'

/** What is asked for, beside who asks and from where. */
export type Wanted = Omit<PolicyRequest, keyof PolicyAsker | 'client' | 'address'>

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
  /** What it goes on by, for the log; `undefined` where there are no rules. */
  decision: PolicyDecision | undefined
  /** What the rules say without addresses. */
  private told: PolicyDecision | undefined
  /** Which version of the rules that was. */
  private version = 0
  /** Where the name may lead. `undefined`: that is not known yet. None: to where a parent says. */
  private addresses: readonly Address[] | undefined
  /** Told with them. */
  private stands!: Stands

  constructor (
    private readonly request: PolicyRequest,
    private readonly identity: ProxyIdentity | undefined,
    private readonly by: Permitting
  ) {}

  /** The groups of the user. */
  get groups (): readonly string[] { return this.request.groups! }

  /**
   * Asks the rules, as far as they can tell without addresses, and then the function. Rules that
   * have changed meanwhile are asked once more.
   *
   * @throws {TargetDenied} One of them refuses.
   * @throws {CheckFailed} {@link CheckTimeout} The function could not tell.
   */
  ask (): Eventual<void> {
    this.askRules()
    return after(this.by.authorize(this.request, this.identity!), () => {
      if (this.version !== this.by.version) this.askRules()
    })
  }

  /** @throws {TargetDenied} The rules refuse, as far as they can tell without addresses. */
  askRules (): void {
    this.decision = this.decide()
    if (this.decision?.allowed === false) throw denied(denialOf(this.decision))
  }

  /** Whether rules have opened the port of the target. */
  get opensPort (): boolean {
    return opensPort(this.byName)
  }

  /** Whether the addresses of the name have yet to tell. */
  get isOpen (): boolean {
    return this.byName?.allowed === null
  }

  /** What the rules say of the target at one of its addresses; `undefined` where there are none. */
  at (address: string): PolicyDecision | undefined {
    const { request, by, byName } = this
    return byName?.allowed === null ? by.decide({ ...request, address }) : byName
  }

  /**
   * The target is to be reached at one of these. What the rules say of the first is what it goes on
   * by.
   *
   * @param stands - Tells of each whether it may be dialled still.
   */
  settle (addresses: readonly Address[], stands: Stands): void {
    this.stands = stands
    const [first] = this.addresses = addresses
    if (first !== undefined) this.decision = this.at(first.address)
  }

  /** None of its addresses may be reached. What the rules say of this one is for the log. */
  endAt (address: string): void {
    this.decision = this.at(address)
  }

  /**
   * The name is resolved elsewhere, so there are no addresses to ask about.
   *
   * @param stands - Tells whether the name may be asked for still.
   * @throws {TargetDenied} Only they could tell, or the rules refuse it by now.
   */
  keepName (stands: Stands): void {
    const { byName } = this
    this.stands = stands
    this.addresses = []
    this.decision = byName
    if (byName !== undefined && byName.allowed !== true) throw denied(denialOf(byName))
  }

  /**
   * Whether the rules of now let it go on.
   *
   * @param address - Where the target has been reached. `undefined`: that is not known.
   */
  isStillAllowed (address: string | undefined): boolean {
    const { addresses, stands } = this
    let told: PolicyDecision | undefined
    try {
      told = this.decide()
    } catch {
      return false // its target is none: it has been refused, and its content still comes
    }
    if (told === undefined) return true
    if (told.allowed === false) return false
    // While the name is being resolved nothing is reached: its addresses are asked about behind
    // that.
    if (addresses === undefined) return true
    if (addresses.length === 0) return told.allowed === true && stands('')
    const reached = addresses.filter((each) => each.address === address)
    return (reached.length === 0 ? addresses : reached).every((each) => stands(each.address))
  }

  /** What the rules of now say without addresses. */
  private get byName (): PolicyDecision | undefined {
    return this.version === this.by.version ? this.told : this.decide()
  }

  private decide (): PolicyDecision | undefined {
    this.told = this.by.decide(this.request)
    this.version = this.by.version
    return this.told
  }
}

/** Whether a target may be reached at an address, by the lists and the rules of now. */
type Stands = (address: string) => boolean

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
