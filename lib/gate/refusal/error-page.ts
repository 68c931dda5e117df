import type { onSendHookHandler } from 'fastify'
import { readAccept, weightOf } from '../../fields/accept.js'
import { tellableId } from '../../platform/request-id.js'
import { refusalPage } from './page.js'
import type { Pages } from './page.js'

/** What a 403 begins with, and its page says already. */
const REFUSED = /^(?:forbidden|target denied): /

/**
 * An `onSend` hook for proxy routes: our own 403 and 5xx as a page, where the client prefers that
 * to Fastify's JSON, which is what programs get. What an error handler of the application has
 * written stays as it is.
 */
export function errorPages (pages: Pages): onSendHookHandler {
  return (request, reply, payload, done) => {
    const { statusCode } = reply
    const { accept = '' } = request.headers
    if (!isOurError(payload, statusCode) || pages.texts[statusCode] === undefined || request.method === 'CONNECT' || !prefersPage(accept)) {
      return done(null, payload)
    }
    const { message } = JSON.parse(payload) as { message: string }
    const page = refusalPage(pages, statusCode, message.replace(REFUSED, ''), tellableId(request))
    reply.type('text/html; charset=utf-8').header('content-length', Buffer.byteLength(page))
    done(null, page)
  }
}

/** As Fastify writes it for an error of this package. */
function isOurError (payload: unknown, status: number): payload is string {
  return typeof payload === 'string' && payload.startsWith(`{"statusCode":${status},"code":"FST_PROXY_AUTH_`)
}

function prefersPage (accept: string): boolean {
  const ranges = readAccept(accept)
  return weightOf(ranges, ['text/html', 'application/xhtml+xml', 'text/*', '*/*']) > weightOf(ranges, ['application/json', 'application/*', '*/*'])
}
