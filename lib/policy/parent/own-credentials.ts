import { BadOption, ParentCredentialsFailed } from '../../errors.js'
import { after } from '../../eventual.js'
import { Recent } from '../../store/recent.js'
import type { Milliseconds, ProxyIdentity } from '../../types.js'
import { askWithin, orFail } from '../../deadline.js'
import type { ParentCredentials } from './credentials.js'
import type { Parent } from './parent.js'
import { readParentCredentials } from './read-credentials.js'

/** How long the function of the application may take. */
const TIME: Milliseconds = 10_000
/** How many accounts of one parent are told apart by what they consist of. */
const ACCOUNTS_KEPT = 10_000
/** RFC 1929: a length is one octet. */
const MAX_SOCKS = 255
const ERRORS = {
  failed: (cause: unknown) => new ParentCredentialsFailed({ cause }),
  late: () => new ParentCredentialsFailed()
}

/**
 * Reads the gateway's own credentials for a parent, fixed or by a function of the user.
 *
 * @throws {BadOption} They are wrong. What a function gives is checked when it has given it.
 */
export function readOwnCredentials (given: unknown, option: string, protocol: Parent['protocol']): Parent['credentials'] {
  if (given === undefined) return null
  const read = (value: unknown): ParentCredentials => fitFor(protocol, readParentCredentials(value, option), option)
  if (typeof given === 'function') return askEach(given as (identity: ProxyIdentity) => unknown, read)
  const fixed = read(given)
  return () => fixed
}

/** SOCKS5 has one scheme, and lengths of one octet. */
function fitFor (protocol: Parent['protocol'], credentials: ParentCredentials, option: string): ParentCredentials {
  if (protocol !== 'socks5') return credentials
  if (credentials.scheme !== 'Basic') throw new BadOption(`${option}.scheme`, "'Basic', as the parent speaks SOCKS5", 'another')
  for (const name of ['username', 'password'] as const) {
    const octets = Buffer.byteLength(credentials[name])
    if (octets < 1 || octets > MAX_SOCKS) throw new BadOption(`${option}.${name}`, `1 to ${MAX_SOCKS} octets, as the parent speaks SOCKS5`, octets === 0 ? 'empty text' : 'longer text')
  }
  return credentials
}

/**
 * Asks the function for each request. Credentials that are equal come out as one object, however
 * often the function makes them anew: an account is told by its object.
 *
 * @throws {ParentCredentialsFailed} It threw, rejected, took too long, or gave something else.
 */
function askEach (ask: (identity: ProxyIdentity) => unknown, read: (value: unknown) => ParentCredentials): NonNullable<Parent['credentials']> {
  const accounts = new Recent<ParentCredentials>(ACCOUNTS_KEPT)
  const accountsByToken = new WeakMap<object, ParentCredentials>()

  const settle = (value: unknown): ParentCredentials | null => {
    if (value === null) return null
    const credentials = read(value)
    if (credentials.scheme === 'Bearer' && typeof credentials.token === 'function') {
      const known = accountsByToken.get(credentials.token) ?? credentials
      accountsByToken.set(credentials.token, known)
      return known
    }
    const key = JSON.stringify(credentials) // its members are in one order
    return accounts.get(key) ?? accounts.set(key, credentials)
  }

  return (identity) => after(
    askWithin(() => ask(identity), TIME, ERRORS), (value) => orFail(() => settle(value), ERRORS.failed)
  )
}
