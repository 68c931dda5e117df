import type { PeerCertificate, TLSSocket } from 'node:tls'
import { BadOption } from '../../errors.js'
import type { Eventual } from '../../eventual.js'
import { checkOptions, readWord } from '../../check-option.js'
import { reloadSources } from '../../store/reload-sources.js'
import type { Defaulting, Given, ProxyUser } from '../../types.js'
import { Strategy, isRight } from '../strategy.js'
import type { Accepted, AttemptRequest } from '../strategy.js'
import { groupsInCertificate } from './groups.js'
import type { CertificateGroups } from './groups.js'
import { nameInCertificate } from './name.js'
import type { CertificateName } from './name.js'

/**
 * Gives the user that a certificate stands for: the user, or `[user, info]`; nothing (`null`,
 * `undefined`, `false`) when it is no user here. Throws or rejects only when it cannot tell.
 *
 * The listener has verified by then that one of its `ca` has signed it, for clients, and that the
 * client has the key; that it is valid today, we have. Whether it was revoked, the listener knows
 * only where it has a `crl`.
 *
 * @param name - What the option `name` has found, `undefined` for nothing or several.
 */
export type VerifyCertificate = (
  certificate: PeerCertificate, name: string | undefined
) => Eventual<Accepted | null | undefined | false>

/** Options of {@link ClientCertificateStrategy}. */
export type ClientCertificateOptions = (Defaulting<{ username: string }, {
  /**
   * Judges a certificate that the listener has verified: `(certificate, name)` gives the user,
   * `[user, info]` or `null`.
   *
   * @defaultValue accepts each certificate that has a name, as `{ username: name }`, where that has
   *   the shape of `ProxyUser`
   */
  readonly verify: VerifyCertificate
}> | (
  // Where a name alone has not the shape of `ProxyUser`, and a name with groups has.
  { username: string, groups: string[] } extends ProxyUser ? { readonly groups: CertificateGroups } : never
)) & {
  /**
   * Where the name is: `'CN'` of the subject, or the alternative name of the kind `'email'`,
   * `'URI'` or `'DNS'`. There must be exactly one of that kind.
   *
   * @defaultValue `'CN'`
   */
  readonly name?: CertificateName
  /**
   * `'OU'`: the user is `{ username: name, groups }`, with the organizational units (OU) of the
   * subject as groups. Not with `verify`, which gives the groups of its users itself.
   *
   * @defaultValue none: the user has no groups
   */
  readonly groups?: CertificateGroups
  /**
   * The time that certificates have to be valid at, in ms since 1970.
   *
   * @defaultValue `Date.now`
   */
  readonly clock?: () => number
}

interface EveryOption {
  readonly verify: VerifyCertificate
  readonly name: CertificateName
  readonly groups: CertificateGroups
  readonly clock: () => number
}

// A misspelt `verify` must not accept every certificate.
const OPTIONS = new Set(['verify', 'name', 'groups', 'clock'])

/**
 * The client certificate of the TLS connection to us, as an identity: for a listener with
 * `requestCert: true`, its `ca`, and `rejectUnauthorized: false`, without which a client without a
 * certificate never gets as far as a 403 or another scheme.
 *
 * It has no scheme and no challenge. Alone, it refuses a client without a right certificate with
 * 403; beside another scheme with the 407 of that scheme. Behind something else that ends the TLS
 * it sees no certificate, or that of the hop before.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2 RFC 8446, 4.4.2}
 * @example
 * new ClientCertificateStrategy({ verify: async (certificate, name) => await accounts.find(name) })
 */
export class ClientCertificateStrategy extends Strategy {
  override readonly name = 'client-certificate'
  override readonly scheme = null
  private readonly verify: VerifyCertificate
  private readonly where: CertificateName
  private readonly clock: () => number

  /**
   * @throws {BadOption} An option is unknown, or has the wrong type.
   */
  constructor (...[options = {}]: Given<ClientCertificateOptions>) {
    super()
    const { verify, name = 'CN', groups, clock = Date.now } = checkOptions(options as Partial<EveryOption>, OPTIONS)
    if (verify !== undefined && typeof verify !== 'function') throw new BadOption('verify', 'a function', typeof verify)
    if (!['CN', 'email', 'URI', 'DNS'].includes(name)) throw new BadOption('name', "'CN', 'email', 'URI' or 'DNS'", typeof name)
    if (typeof clock !== 'function') throw new BadOption('clock', 'a function', typeof clock)
    if (groups !== undefined) readWord(groups, 'groups', ['OU'])
    if (groups !== undefined && verify !== undefined) throw new BadOption('groups', 'left out where there is a `verify`, which gives the groups itself', typeof groups)
    this.verify = verify ?? byName(groups)
    this.where = name
    this.clock = clock
  }

  override authenticate ({ socket }: AttemptRequest): void {
    const certificate = verifiedCertificate(socket as TLSSocket | undefined)
    // Of a connection or session that lives on, nothing else looks at the time again.
    if (certificate === undefined || !isValidAt(certificate, this.clock())) return this.fail()
    const name = nameInCertificate(certificate, this.where)
    const info = { fingerprint: certificate.fingerprint256, ...(name !== undefined && { userId: name }) }
    this.decide((presented) => this.verify(presented, name), certificate, (accepted) => {
      if (isRight(accepted)) this.accept(accepted, info)
      else this.fail()
    })
  }

  override async reload (): Promise<false | void> {
    return await reloadSources(this.verify)
  }

  override challenge (): null {
    return null
  }
}

function byName (groups: CertificateGroups | undefined): VerifyCertificate {
  return (certificate, username) => {
    if (username === undefined) return null
    return groups === undefined ? { username } : { username, groups: groupsInCertificate(certificate, groups) }
  }
}

/**
 * `authorized` alone is not enough: node sets it on a session that was resumed, with a certificate
 * or without.
 *
 * @quirk node-tls-resumed-authorized
 */
function verifiedCertificate (socket: TLSSocket | undefined): PeerCertificate | undefined {
  if (socket?.authorized !== true) return undefined
  const certificate = socket.getPeerCertificate?.() as PeerCertificate | undefined
  return certificate?.raw instanceof Uint8Array ? certificate : undefined
}

function isValidAt ({ valid_from: from, valid_to: to }: PeerCertificate, time: number): boolean {
  return time >= Date.parse(from) && time <= Date.parse(to)
}
