import { Closing, Forbidden } from '../../errors.js'
import type { EndedFor } from './exchanges.js'

/** What a request that is ended before its response has begun fails with. */
export function failureOf (why: EndedFor): Error {
  if (why === 'closing') return new Closing()
  return new Forbidden(why === 'revoked' ? 'access revoked' : 'new rules refuse it')
}
