import type { X509Certificate } from 'node:crypto'
import type { Eventual } from '../../../eventual.js'

/** A request to a parent that credentials are for. */
export interface LoginRequest {
  readonly method: string
  /** The request-target as it is sent: absolute-form, or `host:port` of a CONNECT. */
  readonly uri: string
  /** What `Host` has, as it is sent. */
  readonly authority: string
  /**
   * Whether content is sent with it, which is not known beforehand. Some credentials cover it.
   */
  readonly content: boolean
  /** The certificate of the parent, where TLS is spoken with it. */
  readonly certificate?: X509Certificate | undefined
}

/**
 * The fields of a request that are its credentials, by their names in lower case:
 * `proxy-authorization`, and for AWS4 also `x-amz-date` and others. Each takes the place of all
 * lines of that name in the request.
 */
export type LoginFields = Readonly<Record<string, string>>

/**
 * One account at one parent, and what is remembered for it from request to request: nonces, tokens,
 * whether the parent asks at all.
 */
export interface Login {
  /** In its registered spelling; `null` where nothing is sent, or what the client sent. */
  readonly scheme: string | null
  /**
   * Tells all accounts of this process apart, for pools and the log: `gateway#7`. Never a secret,
   * nor a hash of one.
   */
  readonly account: string
  /**
   * NTLM, Negotiate: it authenticates a connection, which serves this account alone from then on,
   * one request at a time, and needs `attempt` once for each connection.
   */
  readonly bindsConnection: boolean
  /**
   * Whether the first credentials of an attempt are expected to be enough, so that content may be
   * sent with them. Where it is not, the parent has to be asked first.
   */
  readonly ready: boolean
  /**
   * Begins for one request, or for one connection. A request that is sent once more needs another:
   * credentials may be good once.
   */
  attempt (request: LoginRequest): LoginAttempt
}

/** The credentials of one request, leg by leg. */
export interface LoginAttempt {
  /**
   * Whether the fields that were given last are expected to be enough, so that content may be sent
   * with them. Those of NTLM's first leg are not; and where the parent must prove first who it is,
   * content has to wait for `succeeded`.
   */
  readonly ready: boolean
  /**
   * The fields to send unasked; `null`: none. Asked once, before anything is sent.
   *
   * @throws {ParentCredentialsFailed} They could not be had.
   */
  first (): Eventual<LoginFields | null>
  /**
   * The parent said 407. A bounded number of legs: some day it is `null` however often a new
   * challenge comes.
   *
   * @param challenges - The lines of its `Proxy-Authenticate`, as received.
   * @returns The fields to send next; `null`: there are none, and the parent has refused.
   * @throws {ParentCredentialsFailed} They could not be had.
   */
  next (challenges: readonly string[]): Eventual<LoginFields | null>
  /**
   * The parent responded with something other than 407.
   *
   * @param info - The lines of its `Proxy-Authentication-Info`.
   * @param challenges - The lines of its `Proxy-Authenticate`: Negotiate proves the parent there.
   * @throws {ParentUnproven} It did not prove what it must.
   */
  succeeded (info: readonly string[], challenges: readonly string[]): Eventual<void>
}
