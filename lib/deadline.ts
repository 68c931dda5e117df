import { isThenable } from './eventual.js'
import type { Eventual } from './eventual.js'
import { guarded } from './platform/guarded.js'
import type { Milliseconds } from './types.js'

/**
 * Waits for `work`, but not longer than that. What comes of it later is ignored, a rejection too.
 *
 * @param late - Makes the error for the case that time is up.
 */
export async function withDeadline<Value> (
  work: Promise<Value>, milliseconds: Milliseconds, late: () => Error
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(guarded(() => { reject(late()) }), milliseconds)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}

/** The errors of a question to the application. */
export interface QuestionErrors {
  /** Makes the one for what it threw or rejected with. */
  readonly failed: (cause: unknown) => Error
  /** Makes the one for a question whose time is up. */
  readonly late: () => Error
}

/**
 * Asks a function of the application.
 *
 * @returns What it gave; a promise only where it gave one.
 */
export function askWithin (
  ask: () => unknown, milliseconds: Milliseconds, { failed, late }: QuestionErrors
): Eventual<unknown> {
  const { given, isLater } = orFail(() => {
    const given = ask()
    return { given, isLater: isThenable(given) } // to look at `then` may throw as well
  }, failed)
  if (!isLater) return given
  const later = Promise.resolve(given).catch((cause: unknown) => { throw failed(cause) })
  return withDeadline(later, milliseconds, late)
}

/** Does what code of the application may make fail. */
export function orFail<Value> (work: () => Value, failed: QuestionErrors['failed']): Value {
  try {
    return work()
  } catch (cause) {
    throw failed(cause)
  }
}
