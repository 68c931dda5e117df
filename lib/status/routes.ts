import type { FastifyInstance, FastifyRequest, onRequestHookHandler, RouteShorthandOptions } from 'fastify'
import { MAX_TIMER } from '../check-option.js'
import { StatusRefused } from '../errors.js'
import { hiddenSchema } from '../platform/fastify.js'
import { closeBehind } from '../platform/http1/close-behind.js'
import type { StatusFeed } from './feed.js'
import { statusDocument } from './page/document.js'
import type { StatusSettings } from './status-options.js'
import type { StatusSnapshot } from './snapshot.js'

/** What the routes tell of. */
export interface StatusContent {
  readonly feed: StatusFeed
  readonly collect: () => StatusSnapshot
}

/** Of each response: no cache keeps it, and no other site sees or frames it. */
const FIELDS = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin'
}

/**
 * Serves the page, its events and its data, each behind the hooks. All of it is to be read: there
 * is nothing that changes anything here.
 */
export function serveStatus (
  app: FastifyInstance, { path, hooks }: Pick<StatusSettings, 'path' | 'hooks'>, { feed, collect }: StatusContent
): void {
  const { html, policy } = statusDocument()
  const below = path === '/' ? '' : path
  const route = { schema: hiddenSchema(), onRequest: [...hooks] as onRequestHookHandler[] }
  const data = (): RouteShorthandOptions => ({
    schema: hiddenSchema(),
    onRequest: [refuseOtherSites, ...route.onRequest],
    exposeHeadRoute: false
  })
  app.get(path, route, async (_request, reply) => {
    return await reply.headers({ ...FIELDS, 'content-security-policy': policy }).type('text/html; charset=utf-8').send(html)
  })
  app.get(`${below}/snapshot.json`, data(), async (_request, reply) => await reply.headers(FIELDS).send(collect()))
  // It has no end that a time limit for handlers could wait for. Proxies in front may hold it back,
  // unless they are told not to.
  app.get(`${below}/events`, { ...data(), handlerTimeout: MAX_TIMER }, async (_request, reply) => {
    closeBehind(reply) // a server that closes does not wait for it then
    return await reply.headers({ ...FIELDS, 'x-accel-buffering': 'no' }).type('text/event-stream').send(feed.open())
  })
  app.addHook('preClose', async () => feed.close())
}

/** Their pages could not read the response, but they could take up all listeners. */
function refuseOtherSites ({ headers }: FastifyRequest, _reply: unknown, done: (failure?: Error) => void): void {
  const { 'sec-fetch-site': site = 'none' } = headers
  done(site === 'none' || site === 'same-origin' ? undefined : new StatusRefused('another site asks'))
}
