import type { Login } from './login.js'
import { sentOnce } from './sent-once.js'

/** No credentials: a parent that asks for some has refused. */
export const ANONYMOUS: Login = Object.freeze({
  scheme: null,
  account: 'none',
  bindsConnection: false,
  ready: true,
  attempt: () => sentOnce(null)
})
