import type { IncomingMessage, Server } from 'node:http'

/** Tells whether a proxy route may take a request. */
export type MayBeProxied = (request: IncomingMessage) => boolean

/**
 * What is asked about the requests of each server: several routes have a question, and one listener
 * asks all of them.
 */
export class Askers {
  private readonly byServer = new WeakMap<Server, MayBeProxied[]>()

  has (server: Server): boolean {
    return this.byServer.has(server)
  }

  /**
   * Adds a question.
   *
   * @returns The first time for a server, what asks this question and those that follow; else
   *   `undefined`, as there is a listener already.
   */
  add (server: Server, mayBeProxied: MayBeProxied): MayBeProxied | undefined {
    const known = this.byServer.get(server)
    if (known !== undefined) {
      known.push(mayBeProxied)
      return undefined
    }
    const all = [mayBeProxied]
    this.byServer.set(server, all)
    return (request) => all.some((ask) => ask(request))
  }
}
