import { formatCredentials } from '../../../fields/credentials.js'
import type { ParentBasicCredentials } from '../../../policy/parent/credentials.js'
import { nameAccount } from './account.js'
import type { Login } from './login.js'
import { sentOnce } from './sent-once.js'

/**
 * Basic, sent unasked, in UTF-8: a 407 to it is final.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7617 RFC 7617}
 */
export function basicLogin ({ username, password }: ParentBasicCredentials): Login {
  const token68 = Buffer.from(`${username}:${password}`.normalize('NFC')).toString('base64')
  const fields = Object.freeze({ 'proxy-authorization': formatCredentials({ scheme: 'Basic', token68 }) })
  return {
    scheme: 'Basic',
    account: nameAccount(username),
    bindsConnection: false,
    ready: true,
    attempt: () => sentOnce(fields)
  }
}
