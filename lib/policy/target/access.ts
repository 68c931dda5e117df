import { BadTarget, TargetDenied } from '../../errors.js'
import { after } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import { readForwardPolicy } from './access-options.js'
import type { ForwardPolicyOptions } from './access-options.js'
import { denialOf, opensPort } from '../permission/permit.js'
import type { Permit } from '../permission/permit.js'
import { readAddress } from '../address/address.js'
import type { IpAddress } from '../address/address.js'
import { canonicalHost } from './canonical-host.js'
import { ask } from './check.js'
import type { Target, TargetScheme } from './check.js'
import { denied } from './denied.js'
import type { Denial, DeniedError, DeniedType } from './denied.js'
import { embeddedIPv4 } from '../address/embedded-address.js'
import { interleave } from '../address/interleave.js'
import type { Address } from '../address/interleave.js'
import { lookUp } from './lookup.js'
import { isOwnListener } from '../address/own-listeners.js'
import type { OwnListener } from '../address/own-listeners.js'
import { stronger } from './pattern-list.js'
import type { PatternList, PatternMatch } from './pattern-list.js'
import { Recent } from '../../store/recent.js'
import { specialBlock } from '../address/special-addresses.js'

export type { Address, DeniedError, DeniedType, ForwardPolicyOptions, OwnListener, Target, TargetScheme }

/** A target whose name, port and user are in order. Its addresses are not looked at yet. */
export interface Admitted extends Target {
  /** Canonical: a name in lower case without trailing dot, or the text of `literal`. */
  readonly host: string
  /** The address, when the target names one and nothing is to be resolved. */
  readonly literal: IpAddress | null
  /** How the target is on `allow`; `null`: the addresses must tell. */
  readonly allowed: PatternMatch
  /** How the target is on `special`. */
  readonly special: PatternMatch
  /** What else has to permit it. */
  readonly permit?: Permit | undefined
}

/** The destination policy of a forward proxy. */
export interface Access<User = unknown> {
  /**
   * Name, port and list rules, then `check` and the permit. Without a promise where those two give
   * none.
   *
   * @throws {BadTarget} The host is no host, the port no port.
   * @throws {TargetDenied} A rule refuses, as {@link DeniedError}.
   * @throws {CheckFailed} @throws {CheckTimeout} `check` could not tell, or the permit.
   */
  admit (target: Target, user: User, permit?: Permit): Eventual<Admitted>
  /**
   * The addresses that may be dialled, one or more, in the order to try them. A name is resolved
   * once and every address classified; those refused are left out. Without a promise for an
   * address.
   *
   * @throws {TargetDenied} None is left, as {@link DeniedError}. Its `reason` is that of the first
   *   address.
   * @throws {DnsFailed} @throws {DnsTimeout} The resolver gave none.
   */
  resolve (admitted: Admitted): Eventual<Address[]>
  /**
   * For a name that is resolved elsewhere, so that its addresses are never looked at: insists that
   * nothing was left to them to tell.
   *
   * @throws {TargetDenied} Only a rule for addresses could have allowed the name or its port; or
   *   the name means the machine that resolves it, and a loopback address is refused.
   */
  keepName (admitted: Admitted): void
  /**
   * Tells what becomes of a target and of each of its addresses, for people. Neither `check` nor
   * the function of the permit is asked, and nothing is thrown for what is refused.
   *
   * @throws {BadTarget} The host is no host, the port no port.
   * @throws {DnsFailed} @throws {DnsTimeout} The resolver gave none.
   */
  examine (target: Target, permit?: Permit): Promise<ExaminedTarget>
  /** Both, one after the other. Without a promise where neither makes one. */
  approve (target: Target, user: User, permit?: Permit): Eventual<Address[]>
}

/** What becomes of a target. */
export interface ExaminedTarget {
  /** Why it is refused; `null`: it is not. */
  readonly denial: Denial | null
  /** Its addresses, where it has come to them, each with why it is refused. */
  readonly addresses: ReadonlyArray<{ readonly address: string, readonly denial: Denial | null }>
}

/** How many targets are kept as read. A page asks for one host many times. */
const TARGETS_KEPT = 1000

const IP: DeniedType = 'destination_ip_prohibited'
const REQUEST: DeniedType = 'http_request_denied'

/** A name that always means loopback addresses (RFC 6761, 6.3), and those. */
const LOCALHOST = /^(?:.*\.)?localhost$/
const LOOPBACK = ['127.0.0.1', '::1'].map((text) => readAddress(text)!)

function isDefaultPort (port: number): boolean {
  return port === 443 || port === 80
}

/** Asks for the IPv4 address in it, too: what is denied must not have a second spelling. */
function isDenied (address: IpAddress, port: number, deny: PatternList): boolean {
  const embedded = embeddedIPv4(address)
  return deny.matchAddress(address, port) !== null || (embedded !== null && deny.matchAddress(embedded, port) !== null)
}

/**
 * The destination policy: who may go where, decided on the one canonical target that is then
 * dialled.
 *
 * In order: own listeners (by address), `deny`, `allow`, `check`, the permit, port, resolving,
 * special-purpose addresses. What follows resolving asks `deny`, `allow`, the permit and the port
 * rule again, for the address. `deny` beats `allow`; `allow` never lifts the special-purpose check;
 * nothing opens our own listeners.
 *
 * @param own - The addresses this server listens on, asked anew for each address.
 * @throws {BadOption} An option is wrong.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6 RFC 9110, 9.3.6}
 * @example
 * const access = createAccess({ allow: ['*.example.org'] }, () => app.addresses())
 * const admitted = await access.admit(
 *   { host: 'www.example.org', port: 443, scheme: 'connect' }, user
 * )
 * const addresses = await access.resolve(admitted)
 */
export function createAccess<User = unknown> (
  options: ForwardPolicyOptions<User>, own: () => Iterable<OwnListener>
): Access<User> {
  const { allow, deny, special, check, checkTimeout, lookup, dnsTimeout, family } = readForwardPolicy(options)
  // What the lists say of a target never changes. Own listeners do, and are asked for each time.
  const known = new Recent<Admitted>(TARGETS_KEPT)
  const approvedLiterals = new WeakMap<Admitted, Address[]>()

  function isPortOpen (port: number, allowed: PatternMatch, specially: PatternMatch): boolean {
    return isDefaultPort(port) || allowed === 'port' || specially === 'port'
  }

  /** Whether that is this server. Most targets have a port that nothing here listens on. */
  function isOwn (address: IpAddress, port: number): boolean {
    for (const listener of own()) if (listener.port === port) return isOwnListener(address, port, own())
    return false
  }

  /** What is wrong with one address, or `null`. */
  function refusal (address: IpAddress, target: Admitted): Denial | null {
    const { port, permit } = target
    const at = { address: address.text }
    if (isOwn(address, port)) return { reason: 'own listener', proxyStatus: IP, ...at }
    if (isDenied(address, port, deny)) return { reason: 'on the deny list', proxyStatus: IP, ...at }
    const allowed = allow === null ? target.allowed : stronger(target.allowed, allow.matchAddress(address, port))
    if (allowed === null) return { reason: 'not on the allow list', proxyStatus: IP, ...at }
    const decision = permit?.at(address.text)
    if (decision !== undefined && decision.allowed !== true) return denialOf(decision, address.text)
    const specially = stronger(target.special, special.matchAddress(address, port))
    if (!isPortOpen(port, allowed, specially) && !opensPort(decision)) return { reason: 'port', proxyStatus: REQUEST, ...at }
    const block = specially === null && decision?.special !== true ? specialBlock(address) : null
    return block === null ? null : { reason: 'special-purpose address', proxyStatus: IP, block, ...at }
  }

  function classify (addresses: readonly IpAddress[], target: Admitted): Address[] {
    const refused: Denial[] = []
    const approved: Address[] = []
    for (const address of addresses) {
      const denial = refusal(address, target)
      if (denial === null) approved.push({ address: address.text, family: address.family })
      else refused.push(denial)
    }
    if (approved.length === 0) {
      target.permit?.endAt(refused[0]!.address!)
      throw denied(refused[0]!)
    }
    const ordered = interleave(approved)
    target.permit?.settle(ordered, (text) => refusal(readAddress(text)!, target) === null)
    return ordered
  }

  /**
   * The lists, as far as the target itself can tell: `allow` may be left to the addresses of a
   * name.
   */
  function readTarget ({ host, port, scheme }: Target): Admitted {
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw new BadTarget('the port is no port')
    const name = canonicalHost(host)
    const literal = readAddress(name)
    const about = literal === null ? { proxyStatus: REQUEST } : { proxyStatus: IP, address: literal.text }
    if (literal !== null) refuseOwn(literal, port)
    if (literal === null ? deny.matchName(name, port) !== null : isDenied(literal, port, deny)) {
      throw denied({ reason: 'on the deny list', ...about })
    }
    const match = (list: PatternList) =>
      literal === null ? list.matchName(name, port) : list.matchAddress(literal, port)
    const allowed = allow === null ? 'host' : match(allow)
    if (allowed === null && (literal !== null || !allow!.hasAddresses)) throw denied({ reason: 'not on the allow list', ...about })
    return { host: literal?.text ?? name, port, scheme, literal, allowed, special: match(special) }
  }

  function refuseOwn (literal: IpAddress, port: number): void {
    if (isOwn(literal, port)) throw denied({ reason: 'own listener', proxyStatus: IP, address: literal.text })
  }

  function read (target: Target): Admitted {
    const key = `${target.scheme} ${target.port} ${target.host}`
    const found = known.get(key)
    if (found === undefined) return known.set(key, readTarget(target))
    if (found.literal !== null) refuseOwn(found.literal, found.port)
    return found
  }

  /** Refuses a port that nothing could open, so that no name is resolved for it. */
  function withPort (target: Admitted): Admitted {
    const { port, literal, allowed, permit } = target
    const byAddress = literal === null &&
      (special.namesAddressPort(port) || allow?.namesAddressPort(port) === true || permit?.isOpen === true)
    if (isPortOpen(port, allowed, target.special) || byAddress || permit?.opensPort === true) return target
    throw denied({ reason: 'port', proxyStatus: REQUEST })
  }

  function admit (target: Target, user: User, permit?: Permit): Eventual<Admitted> {
    const admitted = read(target)
    if (check === null && permit === undefined) return withPort(admitted)
    const { host, port, scheme } = admitted
    const checked = check === null ? undefined : ask(() => check({ host, port, scheme }, user), checkTimeout)
    if (permit === undefined) return after(checked, () => withPort(admitted))
    return after(checked, () => after(permit.ask(), () => withPort({ ...admitted, permit })))
  }

  function resolve (admitted: Admitted): Eventual<Address[]> {
    const { literal, permit } = admitted
    if (literal === null) {
      return lookUp(admitted.host, { lookup, family, timeout: dnsTimeout })
        .then((addresses) => classify(addresses, admitted))
    }
    if (permit !== undefined) return classify([literal], admitted)
    const known = approvedLiterals.get(admitted)
    if (known !== undefined) return known
    const approved = classify([literal], admitted)
    approvedLiterals.set(admitted, approved)
    return approved
  }

  function keepName (target: Admitted): void {
    const { host, port, allowed, permit } = target
    if (allowed === null) throw denied({ reason: 'not on the allow list', proxyStatus: REQUEST })
    const isOpen = () => isPortOpen(port, allowed, target.special) || permit?.opensPort === true
    permit?.keepName(isOpen)
    if (!isOpen()) throw denied({ reason: 'port', proxyStatus: REQUEST })
    if (!LOCALHOST.test(host)) return
    for (const address of LOOPBACK) {
      const denial = refusal(address, target)
      if (denial !== null) throw denied(denial)
    }
  }

  /** By the lists and the rules, as far as the name can tell. */
  function examineName (target: Target, permit: Permit | undefined): Admitted | DeniedError {
    try {
      permit?.askRules()
      return withPort({ ...read(target), permit })
    } catch (failure) {
      if (failure instanceof TargetDenied) return failure as DeniedError
      throw failure
    }
  }

  async function examine (target: Target, permit?: Permit): Promise<ExaminedTarget> {
    const admitted = examineName(target, permit)
    if (admitted instanceof Error) return { denial: admitted, addresses: [] }
    const { host, literal } = admitted
    const found = literal === null ? await lookUp(host, { lookup, family, timeout: dnsTimeout }) : [literal]
    const addresses = found.map((address) => ({ address, denial: refusal(address, admitted) }))
    const allowed = addresses.filter(({ denial }) => denial === null)
    permit?.settle(allowed.map(({ address }) => ({ address: address.text, family: address.family })), () => true)
    return {
      denial: allowed.length === 0 ? addresses[0]!.denial : null,
      addresses: addresses.map(({ address, denial }) => ({ address: address.text, denial }))
    }
  }

  return {
    admit,
    resolve,
    keepName,
    examine,
    approve: (target, user, permit) => after(admit(target, user, permit), resolve)
  }
}
