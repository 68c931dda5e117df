import { readScheme } from '../../../fields/credentials.js'
import { isConnectionBound } from '../../../schemes/traits.js'
import { nameAccount } from './account.js'
import type { Login } from './login.js'
import { sentOnce } from './sent-once.js'

/**
 * Sends on what the client itself has sent. A 407 to it is final: the client has nothing else.
 *
 * @param field - The client's `Proxy-Authorization`; `undefined`: there is none.
 * @param account - What the account of the client is called.
 */
export function passthroughLogin (field: string | undefined, account: string): Login {
  // What authenticates a connection must not let others use it.
  const bindsConnection = field !== undefined && isConnectionBound(readScheme(field) ?? null)
  return {
    scheme: null,
    account: bindsConnection ? nameAccount('client') : account,
    bindsConnection,
    ready: true,
    attempt: () => sentOnce(field === undefined ? null : { 'proxy-authorization': field })
  }
}
