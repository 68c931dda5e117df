import type { FastifyReply } from 'fastify'
import type { Hook } from '../../platform/hook.js'

const FIELD = 'www-authenticate'
const kToken = Symbol('fastify-proxy-auth.last-token')
type ReplyWithToken = FastifyReply & { [kToken]?: string }

/**
 * The gate's hook for a route that is an origin: what it leaves in the field of the challenges when
 * it lets in, the last token of a handshake, is told from what the application's hooks put there
 * for pages of the application.
 */
export function keepingFinalToken (authenticate: Hook): Hook {
  return (request, reply, done) => {
    reply.removeHeader(FIELD)
    authenticate(request, reply, (error) => {
      const token = reply.getHeader(FIELD)
      if (typeof token === 'string') (reply as ReplyWithToken)[kToken] = token // a list is the challenges of a refusal
      done(error)
    })
  }
}

/**
 * The line of the field that goes out with the upstream's answer, whatever that is; `undefined` for
 * none.
 */
export function finalTokenOf (reply: FastifyReply): string | undefined {
  return (reply as ReplyWithToken)[kToken]
}
