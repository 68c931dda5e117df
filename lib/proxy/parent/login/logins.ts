import { isThenable } from '../../../eventual.js'
import type { Eventual } from '../../../eventual.js'
import type { ParentCredentials } from '../../../policy/parent/credentials.js'
import type { Parent } from '../../../policy/parent/parent.js'
import { Recent } from '../../../store/recent.js'
import type { Milliseconds, ProxyIdentity } from '../../../types.js'
import { nameAccount } from './account.js'
import { ANONYMOUS } from './anonymous.js'
import { Aws4Login } from './aws4.js'
import { basicLogin } from './basic.js'
import { bearerLogin } from './bearer.js'
import { DigestLogin } from './digest.js'
import { loadKerberosClient } from './kerberos-client.js'
import type { KerberosClientPackage } from './kerberos-client.js'
import type { Login } from './login.js'
import { ParentNegotiateLogin } from './negotiate.js'
import { ParentNtlmLogin } from './ntlm.js'
import { passthroughLogin } from './passthrough.js'

/** The accounts at one parent. */
export interface Logins {
  /**
   * Finds the account of a user. Other credentials are another account: one with a new password
   * knows nothing of the old one, nor has its connections.
   *
   * @param field - The client's `Proxy-Authorization`, for parents with `passthrough`.
   * @returns Without a promise where the function of the parent makes none.
   * @throws {ParentCredentialsFailed} The function of the parent failed.
   */
  find (identity: ProxyIdentity, field: string | undefined): Eventual<Login>
}

/** What tests change. */
export interface LoginsOptions {
  /** How long a function that gives tokens may take, and a step of GSSAPI. */
  readonly limit?: Milliseconds
  readonly clock?: () => Milliseconds
  readonly loadKerberos?: () => Promise<KerberosClientPackage>
}

/** The most accounts that are remembered at a parent. */
const MAX_ACCOUNTS = 1000
/** How long a function that gives tokens may take, and a step of GSSAPI. */
const LIMIT: Milliseconds = 10_000

/** Makes the accounts of a parent: one for each object that its credentials are. */
export function createLogins (parent: Parent, options: LoginsOptions = {}): Logins {
  const { limit = LIMIT, clock = Date.now, loadKerberos: load = loadKerberosClient } = options
  const { host } = parent
  /** The one that was used longest ago is first. */
  const accounts = new Map<ParentCredentials, Login>()
  /** What the accounts are called whose credentials users send themselves, by the users. */
  const passed = new Recent<string>(MAX_ACCOUNTS)

  function accountOf (credentials: ParentCredentials | null): Login {
    if (credentials === null) return ANONYMOUS
    const login = accounts.get(credentials) ?? create(credentials)
    accounts.delete(credentials)
    accounts.set(credentials, login)
    if (accounts.size > MAX_ACCOUNTS) accounts.delete(accounts.keys().next().value!)
    return login
  }

  function create (credentials: ParentCredentials): Login {
    switch (credentials.scheme) {
      case 'Basic': return basicLogin(credentials)
      case 'Bearer': return bearerLogin(credentials, limit)
      case 'Digest': return new DigestLogin(credentials)
      case 'NTLM': return new ParentNtlmLogin(credentials, host)
      case 'Negotiate': return new ParentNegotiateLogin(credentials, { host, limit, load })
      case 'AWS4': return new Aws4Login(credentials, clock)
    }
  }

  /** The connections of one user are no other's, though it is each request that has credentials. */
  function passedOn (name: string, field: string | undefined): Login {
    return passthroughLogin(field, passed.get(name) ?? passed.set(name, nameAccount(name)))
  }

  return {
    find (identity, field) {
      if (parent.passthrough) return passedOn(identity.name, field)
      if (parent.credentials === null) return ANONYMOUS
      const given = parent.credentials(identity)
      return isThenable(given) ? given.then(accountOf) : accountOf(given)
    }
  }
}
