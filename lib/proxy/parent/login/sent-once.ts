import type { LoginAttempt, LoginFields } from './login.js'

/**
 * The attempt of a scheme that says at once all that it can: a 407 to it is final.
 *
 * @param fields - `null`: nothing is sent.
 */
export function sentOnce (fields: LoginFields | null): LoginAttempt {
  return { ready: true, first: () => fields, next: () => null, succeeded: () => {} }
}
