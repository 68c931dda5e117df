import type { FastifyReply } from 'fastify'
import { preferOneWrite } from '../../platform/write-response.js'
import { isConnectionBound } from '../../schemes/traits.js'
import type { Refused } from '../../passport/outcome.js'
import type { Role } from '../role/role.js'
import { isToBeReadAway, drainBeforeEnd, mustClose, readAway } from '../content/unread-content.js'
import type { Bodies } from './body.js'

/** What of a refusal concerns its answer. */
type Answer = Pick<Refused, 'challenges' | 'continues'>

/**
 * Puts the challenges on an answer, one field line each: clients split a joined line in different
 * places.
 */
export function setChallenges (reply: FastifyReply, mode: Role, challenges: readonly string[]): void {
  reply.header(mode.challenge, [...challenges])
  reply.header('cache-control', 'no-store')
}

/**
 * THE 407 of proxy routes (and their 401, where a route is an origin): status, challenges, a framed
 * body.
 *
 * Within a handshake a client may hold its content back until it is told to go on. Told to close it
 * would begin the handshake anew, on every connection. So the content is let come and thrown away
 * before the response (RFC 9110, 10.1.1, allows it).
 *
 * @param refused - One challenge or more: a 407 without any tells a client nothing (RFC 9110,
 *   15.5.8).
 * @param closes - The connection is to be closed in any case. Default false.
 */
export function refuse (
  reply: FastifyReply, mode: Role, { challenges, continues }: Answer, bodies: Bodies, closes = false
): FastifyReply {
  const { raw, method, headers } = reply.request
  const { type, text } = bodies.choose(headers.accept, method)
  preferOneWrite(reply.raw)
  setChallenges(reply, mode, challenges)
  // Fastify counts the octets, of whatever a hook of the application makes of them.
  reply.code(mode.status).type(type)
  if (continues === true && !closes && isToBeReadAway(raw)) {
    readAway(raw, (whole) => whole ? reply.send(text) : sendAndClose(reply, text))
    return reply
  }
  if (!closes && (!mustClose(raw, continues) || (challenges.some(opensHandshake) && !mustClose(raw, true)))) {
    return reply.send(text)
  }
  return sendAndClose(reply, text)
}

function sendAndClose (reply: FastifyReply, text: string): FastifyReply {
  const { raw, method } = reply.request
  reply.header('connection', 'close')
  if (raw.complete || method === 'HEAD' || method === 'CONNECT') return reply.send(text)
  // This answer is final: reading what still comes must not make node ask for more of it.
  reply.raw.writeContinue = () => {}
  reply.header('content-length', Buffer.byteLength(text))
  return reply.send(drainBeforeEnd(raw, text))
}

/**
 * Told to close in the midst of its content, curl (7.88) goes on with NTLM or Negotiate on another
 * connection from where it was, and waits for ever. Where the connection stays it closes it itself,
 * and begins its content anew.
 */
function opensHandshake (challenge: string): boolean {
  return isConnectionBound(challenge.split(' ', 1)[0]!)
}
