import type { IncomingMessage } from 'node:http'

const kLength = Symbol('fastify-proxy-auth.received-length')
type Noted = Pick<IncomingMessage, 'rawHeaders'> & { [kLength]?: number }

/**
 * Notes how long the raw list of a request is, before lines are taken out of it for the first time.
 */
export function noteLength (request: Noted): void {
  request[kLength] ??= request.rawHeaders.length
}

/** How long the raw list was as node handed it over: names and values, two of them a line. */
export function receivedLength (request: Noted): number {
  return request[kLength] ?? request.rawHeaders.length
}
