import type { Leg } from './connection-identity.js'
import type { RawRequest } from './request-view.js'

/** One request that wants in. */
export interface AttemptInput {
  readonly raw: RawRequest
  /**
   * The one value of `Proxy-Authorization`, or of `Authorization` on a route that is an origin;
   * `undefined`: no field.
   */
  readonly credentials: string | undefined
  /** The request-target as the client signed it. */
  readonly url: string
  readonly ip: string
  /**
   * What is counted as the client's address where room is shared out by address. Empty, or left
   * out: there is none to tell. It may be a getter: few attempts look at it.
   */
  readonly from?: string
  /**
   * Hashes of the content by node's names, where `contentHashes` of a chain has asked for some.
   */
  readonly contentHash?: Readonly<Record<string, string>> | undefined
  /**
   * Whether the content is read if the outcome says that it is needed
   * (`needsContent`).
   */
  readonly readsContent?: boolean | undefined
  /**
   * The leg of a handshake that the credentials are, where their scheme is bound to the connection.
   */
  readonly leg?: Leg | undefined
  /** Aborted when the client leaves. It may be a getter: few attempts look at it. */
  readonly signal?: AbortSignal | undefined
}
