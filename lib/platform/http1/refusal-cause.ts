import type { ServerResponse } from 'node:http'

/** What a response refuses a request for, as an error of ours has it. */
export interface RefusalCause {
  /** The status that it is about: of a response with another one it says nothing. */
  readonly statusCode?: number | undefined
  readonly code?: string
  readonly message?: string
  /** For the client, where the code alone does not tell. */
  readonly reason?: string
}

const kCause = Symbol('fastify-proxy-auth.refusal-cause')
type CausedResponse = ServerResponse & { [kCause]?: RefusalCause }

/**
 * Leaves the cause of a refusal on its response, for what writes the status line: that is far from
 * what refuses.
 */
export function leaveCause (response: ServerResponse, cause: RefusalCause): void {
  (response as CausedResponse)[kCause] = cause
}

/** The cause that was left last. `undefined`: none was, or it is about another status. */
export function causeOf (response: ServerResponse, status: number): RefusalCause | undefined {
  const cause = (response as CausedResponse)[kCause]
  return cause?.statusCode === status ? cause : undefined
}
