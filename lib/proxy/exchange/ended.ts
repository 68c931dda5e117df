import { Closing, Forbidden } from '../../errors.js'
import type { EndedFor } from './exchange.js'

const REASONS = { revoked: 'access revoked', forbidden: 'new rules refuse it', ended: 'it has been ended here' }

/** What a request that is ended before its response has begun fails with. */
export function failureOf (why: EndedFor): Error {
  if (why === 'closing') return new Closing()
  return new Forbidden(REASONS[why])
}
