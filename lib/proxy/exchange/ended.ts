import { Closing, Forbidden } from '../../errors.js'
import type { EndedBy } from './exchange.js'

const REASONS = { revoked: 'access revoked', forbidden: 'new rules refuse it', ended: 'it has been ended here' }

/** What a request that is ended before its response has begun fails with. */
export function failureOf (why: EndedBy): Error {
  if (typeof why === 'object') return why
  if (why === 'closing') return new Closing()
  return new Forbidden(REASONS[why])
}

/** What the log says of why one has ended. */
export function reasonOf (why: EndedBy | string): string {
  return typeof why === 'object' ? why.code : why
}
