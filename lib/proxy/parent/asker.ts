import type { IncomingMessage } from 'node:http'
import { isThenable } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { Parent } from '../../policy/parent/parent.js'
import type { ProxyIdentity } from '../../types.js'
import { clientFieldOf } from './client-field.js'
import { createLogins } from './login/logins.js'
import type { Logins } from './login/logins.js'
import type { Login } from './login/login.js'
import { parentFailure } from './parent-failure.js'

/** The accounts at each parent, which are remembered as long as it is. */
const accounts = new WeakMap<Parent, Logins>()

/**
 * Finds the account by which a request goes to a parent: that of the user, or of all, or the
 * client's own, which no parent gets but one with `passthrough`.
 *
 * @throws {ParentCredentialsFailed} The credentials could not be had. It names the parent.
 */
export function loginFor (parent: Parent, identity: ProxyIdentity, request: IncomingMessage): Eventual<Login> {
  let logins = accounts.get(parent)
  if (logins === undefined) accounts.set(parent, logins = createLogins(parent))
  const fail = (cause: unknown): never => { throw parentFailure(parent, cause, 'connecting') }
  try {
    const login = logins.find(identity, parent.passthrough ? clientFieldOf(request) : undefined)
    return isThenable(login) ? login.then(undefined, fail) : login
  } catch (cause) {
    return fail(cause)
  }
}
