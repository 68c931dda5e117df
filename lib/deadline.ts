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
