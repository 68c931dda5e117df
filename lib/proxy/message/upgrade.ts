import type { IncomingMessage } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Side } from '../exchange/join.js'

const kUpgrade = Symbol('fastify-proxy-auth.upgrade')

/** What an upgrade has that no other request has, be it of HTTP/1.1 or a stream of HTTP/2. */
export interface Upgrade {
  /** What came behind the head of the request. */
  readonly head: Buffer
  /** What the client offers to speak. */
  readonly protocols: readonly string[]
  /**
   * Tells the client that the other protocol is spoken from here on, and hands its side over.
   *
   * @param fields - Of the upstream's consent, this hop's removed: a flat raw list.
   * @param accepted - What of the offer is spoken.
   * @throws {UpstreamProtocol} The consent is none. Nothing has gone out.
   */
  open (reply: FastifyReply, fields: string[], accepted: readonly string[]): Side
  /**
   * To be called when both sides have ended. `undefined` where that tells no hook or log line
   * anything new.
   */
  readonly whenEnded: (() => void) | undefined
}

type UpgradeRequest = IncomingMessage & { [kUpgrade]?: Upgrade }

/** Makes `request` one that asks for this upgrade. */
export function markUpgrade (request: IncomingMessage, upgrade: Upgrade): void {
  (request as UpgradeRequest)[kUpgrade] = upgrade
}

/** The upgrade that `request` asks for, `undefined` when it asks for none. */
export function upgradeOf (request: IncomingMessage): Upgrade | undefined {
  return (request as UpgradeRequest)[kUpgrade]
}

/** What that request offers to the next hop. */
export function protocolsOf (request: IncomingMessage): readonly string[] | undefined {
  return upgradeOf(request)?.protocols
}

const kForHttpProxy = Symbol('fastify-proxy-auth.for-http-proxy')
type HttpProxyRequest = IncomingMessage & { [kForHttpProxy]?: true }

/** Makes `request` an upgrade that @fastify/http-proxy responds to, on the connection itself. */
export function markForHttpProxy (request: IncomingMessage): void {
  (request as HttpProxyRequest)[kForHttpProxy] = true
}

/** Whether a request is such an upgrade. */
export function isForHttpProxy (request: IncomingMessage): boolean {
  return (request as HttpProxyRequest)[kForHttpProxy] === true
}
