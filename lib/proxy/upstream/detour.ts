import type { Dialled } from './dial.js'

/** A way to a target by another proxy, in the place of its addresses. */
export interface Detour {
  /**
   * Tells detours apart, so that a connection serves no request that would have gone another way,
   * or as another user. It is not written anywhere.
   */
  readonly key: string
  /**
   * Opens a connection to the target.
   *
   * @param done - Called once, later.
   * @returns Gives it up. `done` is not called any more.
   */
  open (done: Dialled): () => void
}
