import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import {
  ConnectTimeout, ConnectionRefused, ParentCredentialsFailed, ParentDenied, ParentRefused, Unroutable,
  UpstreamProtocol
} from '../../../errors.js'
import { formatAuthority } from '../../../fields/target.js'
import { loadPackage } from '../../../load-package.js'
import { guarded } from '../../../platform/guarded.js'
import type { Parent } from '../../../policy/parent/parent.js'
import { connectParent } from './to-parent.js'
import type { ParentConnectionOptions } from './to-parent.js'
import type { Effort } from './effort.js'
import type { Login, LoginAttempt } from '../login/login.js'
import { Octets } from './octets.js'
import { parentFailure } from '../parent-failure.js'

/** What is used of the package `socks`. */
export interface SocksPackage {
  readonly SocksClient: {
    createConnection (options: object, done: (failure: Error | null) => void): Promise<unknown>
  }
}

const PACKAGE = 'socks'

/**
 * Loads the package `socks`, which is an optional peer.
 *
 * @throws {MissingPackage} It is not installed, or does not load.
 */
export async function loadSocks (name: string = PACKAGE): Promise<SocksPackage> {
  return await loadPackage(name, 'a parent with socks5')
}

/** The first octet of all that a SOCKS5 server says, but for what it says of a password. */
const VERSION = 5
/** The most octets of a user or password (RFC 1929, 2). */
const LONGEST = 255

/** As the package calls user and password. */
interface Account { readonly userId?: string, readonly password?: string }

/**
 * The refusals of RFC 1928, 6, by the names that the package has for them. What the target is at
 * fault for is told apart from what the server does not allow.
 */
const REFUSALS: Readonly<Record<string, () => Error>> = {
  Failure: () => new ParentDenied(502),
  NotAllowed: () => new ParentDenied(403),
  NetworkUnreachable: () => new ParentDenied(502, { cause: new Unroutable() }),
  HostUnreachable: () => new ParentDenied(502, { cause: new Unroutable() }),
  ConnectionRefused: () => new ParentDenied(502, { cause: new ConnectionRefused() }),
  TTLExpired: () => new ParentDenied(504, { cause: new Unroutable() }),
  CommandNotSupported: () => new ParentDenied(502),
  AddressNotSupported: () => new ParentDenied(502)
}
const REFUSED_LOGIN = /authentication failed|no accepted authentication/i

/**
 * Connects to a SOCKS5 server, and through it (RFC 1928), all within `connectTimeout`. The
 * credentials are those that a Basic login would send (RFC 1929).
 *
 * @param responded - Called when the server has said something that is SOCKS.
 * @throws {ParentFailure}
 */
export async function connectBySocks (
  parent: Parent, login: Login, to: { readonly host: string, readonly port: number }, effort: Effort,
  options: ParentConnectionOptions, responded: () => void
): Promise<Socket> {
  const { connectTimeout } = options
  try {
    return await effort.within(connectTimeout, () => new ConnectTimeout(), async () => {
      const uri = formatAuthority(to.host, to.port)
      const attempt = login.attempt({ method: 'CONNECT', uri, authority: uri, content: false })
      const account = await effort.wait(accountOf(attempt))
      const socks = await effort.wait(loadSocks())
      const octets = new Octets(await connectParent(parent, effort, options), effort)
      const settings = {
        proxy: { host: parent.host, port: parent.port, type: 5, ...account },
        destination: { host: to.host, port: to.port },
        command: 'connect',
        timeout: connectTimeout
      }
      await shakeHands(socks, settings, octets, responded, login)
      const socket = octets.release()
      await effort.wait(attempt.succeeded([], []))
      return socket
    })
  } catch (cause) {
    throw parentFailure(parent, cause, 'connected')
  }
}

/**
 * Has the package speak, without the connection: what it throws in an event of it would end the
 * process, and it does not hear of an end. It gets octet by octet, so none of the target's, which
 * it would give back late.
 *
 * @quirk socks-events
 */
async function shakeHands (
  { SocksClient }: SocksPackage, settings: object, octets: Octets, responded: () => void, login: Login
): Promise<void> {
  const wire = new Duplex({
    read: guarded(() => {}),
    write: guarded((chunk: Buffer, _encoding, done: () => void) => { octets.socket.write(chunk, guarded(done)) })
  })
  const over: { failure?: Error | null } = {}
  const settled = new Promise<null>((resolve) => {
    SocksClient.createConnection({ ...settings, existing_socket: wire }, (failure) => {
      over.failure = failure
      resolve(null)
    })
  })
  try {
    for (let isFirst = true; over.failure === undefined; isFirst = false) {
      const octet = await Promise.race([settled, octets.octet()])
      if (octet === null) break
      if (isFirst && octet[0] === VERSION) responded()
      wire.emit('data', octet)
    }
  } finally {
    wire.destroy()
  }
  if (over.failure) throw refusal(over.failure, login)
}

/**
 * Without the failure of the package as its cause: that has the password.
 *
 * @quirk socks-error-options
 */
function refusal ({ message }: Error, { account }: Login): Error {
  const [, name = ''] = /rejected connection - (\w+)$/.exec(message) ?? []
  const known = REFUSALS[name]
  if (known !== undefined) return known()
  if (REFUSED_LOGIN.test(message)) return Object.assign(new ParentRefused(), { account })
  return new UpstreamProtocol({ cause: new Error(message) })
}

async function accountOf (attempt: LoginAttempt): Promise<Account> {
  const value = (await attempt.first())?.['proxy-authorization']
  if (value === undefined) return {}
  const [, encoded = ''] = /^Basic +([a-z\d+/]+=*)$/i.exec(value) ?? []
  const octets = Buffer.from(encoded, 'base64')
  const colon = octets.indexOf(':')
  if (colon === -1 || colon > LONGEST || octets.length - colon - 1 > LONGEST) throw new ParentCredentialsFailed()
  return { userId: octets.toString('utf8', 0, colon), password: octets.toString('utf8', colon + 1) }
}
