import { BadTarget } from '../../errors.js'
import { readAddress } from '../address/address.js'
import type { IpAddress } from '../address/address.js'
import { canonicalHost } from '../target/canonical-host.js'
import { Recent } from '../../store/recent.js'
import type { Milliseconds, ProxyIdentity } from '../../types.js'
import type { PolicyForm } from './document.js'
import { readPath } from './path.js'
import type { RequestPath } from './path.js'

/**
 * A request, as rules see it. What is left out is not known, unless its comment says what it is.
 */
export interface PolicyRequest {
  /** How the request comes; on a reverse route `reverse`, or `websocket` for an upgrade. */
  readonly form: PolicyForm
  /**
   * The scheme of the target of an upgrade in absolute-form. Left out: not known, or it is none.
   */
  readonly upgradeOf?: 'http' | 'https'
  /** The name of the user, as in `request.proxyAuth.name`. Left out: there is none. */
  readonly user?: string
  /** The groups of the user. Left out: none. */
  readonly groups?: readonly string[]
  /** The scheme that the user has authenticated by. Left out: `null`, a strategy without one. */
  readonly scheme?: string | null
  /** Whether the request came without credentials. Left out: it did not. */
  readonly anonymous?: boolean
  /** The address that the client comes from. `null`: it has none. */
  readonly client?: string | null
  /** Left out: `CONNECT` for a tunnel, else not known. */
  readonly method?: string
  /** The host of the target, in any spelling. For a reverse route it is not looked at. */
  readonly host?: string
  /**
   * The port of the target. Left out: 443 for `connect`, `https` and `websocket`, 80 for `http`.
   */
  readonly port?: number
  /**
   * One of the addresses that the host resolves to. Ask for each of them, and dial those that are
   * allowed.
   */
  readonly address?: string
  /** The prefix of the reverse route. Left out: it is a request to the forward proxy. */
  readonly route?: string
  /** The path that the origin gets, one char per octet, with or without a query. */
  readonly path?: string
}

/** The members that say who asks. */
export type PolicyAsker = Required<Pick<PolicyRequest, 'user' | 'groups' | 'scheme' | 'anonymous'>>

/** Who asks, as rules see it. Access without credentials is an identity of its own. */
export function askerOf ({ name: user, scheme, info }: ProxyIdentity, groups: readonly string[]): PolicyAsker {
  const anonymous = (Object(info) as { readonly anonymous?: unknown }).anonymous === true
  return { user, groups, scheme, anonymous }
}

/** A host in its canonical spelling, or the address that it is. */
interface ReadHost {
  readonly name: string
  readonly address: IpAddress | null
}

/** What can be told of where a client comes from. */
export type ClientAddress = IpAddress | 'none' | 'unknown'

/** How many hosts, and how many addresses of clients, are kept as read. */
const KEPT = 1000
const BEYOND_ASCII = /[^\0-\x7f]/
const PORTS: Readonly<Record<PolicyForm, number>> = { connect: 443, http: 80, https: 443, websocket: 443, reverse: 0 }
const NO_GROUPS: readonly string[] = Object.freeze([])
const NO_FORMS: readonly PolicyForm[] = Object.freeze([])
const PLAIN: readonly PolicyForm[] = Object.freeze(['http', 'https'])
const NO_HOST: ReadHost = Object.freeze({ name: '', address: null })

/** Reads requests, and remembers hosts and clients. */
export class RequestReader {
  private readonly hosts = new Recent<ReadHost>(KEPT)
  private readonly clients = new Recent<IpAddress>(KEPT)

  constructor (readonly clock: () => Milliseconds) {}

  /** @throws {BadTarget} The host is no host, or the port no port. */
  read (request: PolicyRequest): Subject {
    return new Subject(request, this)
  }

  host (text: string): ReadHost {
    const known = this.hosts.get(text)
    if (known !== undefined) return known
    const name = canonicalHost(text)
    const address = readAddress(name)
    return this.hosts.set(text, { name: address === null ? name : address.text, address })
  }

  client (text: string): ClientAddress {
    // A zone says through which interface a link-local address is reached.
    const zone = text.indexOf('%')
    const bare = zone === -1 ? text : text.slice(0, zone)
    const known = this.clients.get(bare)
    if (known !== undefined) return known
    const address = readAddress(bare)
    // What is no address may be of any length, in a field that a client writes: it is not kept.
    return address === null ? 'unknown' : this.clients.set(bare, address)
  }
}

/** A request that rules are compared with. What few rules ask for is read when one does. */
export class Subject {
  readonly form: PolicyForm
  /** The forms that it may be as well: an origin may overlook an offer to upgrade. */
  readonly maybe: readonly PolicyForm[]
  /** In Unicode form C, as `groups` are. */
  readonly user: string | null
  readonly groups: readonly string[]
  /** In lower case. */
  readonly scheme: string | null
  readonly anonymous: boolean
  readonly method: string | null
  /** `null`: a target of the forward proxy. */
  readonly route: string | null
  /** Canonical; empty on a reverse route. */
  readonly host: string
  readonly port: number
  /** What `host` is, where that is an address, else what it resolves to, as far as it is known. */
  readonly address: IpAddress | null
  private readPath: RequestPath | null = null
  private readNow: Milliseconds | null = null

  /** @throws {BadTarget} The host is no host, or the port no port. */
  constructor (private readonly request: PolicyRequest, private readonly reader: RequestReader) {
    const { form, upgradeOf, user = null, groups = NO_GROUPS, scheme = null, anonymous = false, method, host = '', port, address, route } = request
    this.form = form
    this.maybe = form !== 'websocket' || route !== undefined ? NO_FORMS : upgradeOf === undefined ? PLAIN : [upgradeOf]
    this.user = user === null ? null : inFormC(user)
    this.groups = groups.some((group) => BEYOND_ASCII.test(group)) ? groups.map(inFormC) : groups
    this.scheme = scheme === null ? null : scheme.toLowerCase()
    this.anonymous = anonymous
    this.method = method ?? (form === 'connect' ? 'CONNECT' : null)
    this.route = route === undefined ? null : canonicalRoute(route)
    const target = this.route === null ? reader.host(host) : NO_HOST
    this.host = target.name
    this.port = port ?? PORTS[form]
    if (this.route === null && !isPort(this.port)) throw new BadTarget('the port is no port')
    this.address = target.address ?? (address === undefined || this.route !== null ? null : readAddress(address))
  }

  /** Whether there is a name whose addresses are not known. */
  get isUnresolved (): boolean {
    return this.address === null && this.route === null
  }

  get client (): ClientAddress {
    const { client } = this.request
    if (client === undefined) return 'unknown'
    return client === null ? 'none' : this.reader.client(client)
  }

  /** `none`: a tunnel has none. */
  get path (): RequestPath | 'none' | 'unknown' {
    if (this.form === 'connect') return 'none'
    if (this.request.path === undefined) return 'unknown'
    this.readPath ??= readPath(this.request.path)
    return this.readPath
  }

  /** One for all rules, or a time could come between the end of one and the begin of another. */
  get now (): Milliseconds {
    this.readNow ??= this.reader.clock()
    return this.readNow
  }
}

/** As the names in rules are. Not all schemes give names in this form of Unicode. */
function inFormC (text: string): string {
  return BEYOND_ASCII.test(text) ? text.normalize('NFC') : text
}

/** Without a slash at its end. */
export function canonicalRoute (prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
}

function isPort (port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65536
}
