import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { createCollector } from './collect.js'
import type { StatusSources } from './collect.js'
import { StatusFeed } from './feed.js'
import { addressesOf, createStatusServer } from './listener.js'
import { serveStatus } from './routes.js'
import type { StatusSettings } from './status-options.js'

/**
 * Serves the status page, on the server of the application or on a listener of its own, which opens
 * and closes with the application.
 *
 * @param own - Gets the addresses of that listener: they are no targets of the forward proxy.
 * @returns The URL of the page on its own listener, once that is open.
 */
export function registerStatus (
  app: FastifyInstance, settings: StatusSettings, sources: StatusSources, own: AddressInfo[]
): () => string | undefined {
  const collect = createCollector(sources)
  const content = { collect, feed: new StatusFeed(collect) }
  if (settings.listen === undefined) {
    serveStatus(app, settings, content)
    return () => undefined
  }
  const { listen, path } = settings
  const server = createStatusServer(app.log, settings, content)
  let url: string | undefined
  app.addHook('onReady', async () => {
    const address = await server.listen({ ...listen, listenTextResolver: (at) => `the status page is at ${at}${path}` })
    url = `${address}${path}`
    own.push(...addressesOf(server))
  })
  app.addHook('onClose', async () => await server.close())
  return () => url
}
