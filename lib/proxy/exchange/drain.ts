import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { guarded } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import type { Exchanges } from './exchanges.js'
import { furtherServers } from '../../platform/fastify.js'
import { IdleConnections } from '../../platform/http1/idle-connections.js'
import { LeftSessions } from '../../platform/http2/sessions.js'

/**
 * How often a server that stops, once `time` is over, looks for connections that have become idle
 * since.
 */
const INTERVAL: Milliseconds = 500

/**
 * Has `app.close()` wait for what is under way, for `time` at most, and for no idle connection
 * longer. Fastify's `preClose` hooks are timed (`pluginTimeout`, 10 s by default), so the wait
 * begins there and goes on beside them: the server does not close before its last connection has
 * ended, and `onClose` hooks, which have no limit, wait for the rest.
 *
 * @quirk fastify-pre-close-repeats
 */
export function drainOnClose (app: FastifyInstance, exchanges: Exchanges, time: Milliseconds): void {
  const idle = new IdleConnections(app)
  const sessions = new LeftSessions(app)
  let drained: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  app.addHook('preClose', async () => {
    if (drained !== undefined) return // Fastify 5.8 calls it once more for each scope inside
    drained = exchanges.drain(time).then(() => idle.endSilent())
    sessions.endBroken()
    timer = setTimeout(guarded(() => {
      idle.end()
      sessions.endBroken()
      timer = setInterval(guarded(() => {
        idle.end()
        sessions.endOver()
      }), INTERVAL)
    }), time)
    if (app.initialConfig.forceCloseConnections !== true) return
    for (const server of [app.server, ...furtherServers(app)]) holdBack(server, drained)
  })
  app.addHook('onClose', async () => {
    clearTimeout(timer)
    await drained
  })
}

/**
 * Fastify's next step, with `forceCloseConnections`, is to cut every request, those under way, too.
 *
 * @quirk fastify-force-close
 */
function holdBack (server: Server, drained: Promise<void>): void {
  const { closeAllConnections } = server
  if (typeof closeAllConnections !== 'function') return // of HTTP/2
  server.closeAllConnections = () => { drained.then(guarded(() => closeAllConnections.call(server))) }
}
