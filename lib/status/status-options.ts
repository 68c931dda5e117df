import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { BadOption } from '../errors.js'
import { badOption, checkObject, readInteger } from '../check-option.js'
import { isLoopback } from './loopback-host.js'

/**
 * A hook of Fastify's for `onRequest`, with a callback or a promise, on an application over
 * HTTP/1.1 or HTTP/2 with any logger and type provider.
 */
export type StatusHook = (
  request: FastifyRequest<any, any, any, any, any, any, any, any>,
  reply: FastifyReply<any, any, any, any, any, any, any, any>,
  done: HookHandlerDoneFunction
) => unknown

/** Where the status page is, and who may see it. */
export interface StatusOptions {
  /**
   * Its path. Below it are `/events` and `/snapshot.json`.
   *
   * @defaultValue `'/proxy-status'`; on a listener of its own `'/'`
   */
  readonly path?: string
  /**
   * What lets operators in, and no others: one hook or several, run before each response. It is
   * required, but for a listener of its own on loopback.
   *
   * @defaultValue none
   */
  readonly onRequest?: StatusHook | readonly StatusHook[]
  /**
   * Serves the page on a listener of its own, and not on the server of the application.
   *
   * @defaultValue none: the server of the application has it
   */
  readonly listen?: StatusListenOptions
}

/** A listener for the status page alone. It speaks HTTP without TLS, and lets no proxy user in. */
export interface StatusListenOptions {
  /**
   * The address, or a name for it. On loopback, `Host` has to name loopback.
   *
   * @defaultValue `'127.0.0.1'`
   */
  readonly host?: string
  /** The port. 0: one that is free, as the log says then. */
  readonly port: number
}

/** The option `status`, checked. */
export interface StatusSettings {
  readonly path: string
  readonly hooks: readonly StatusHook[]
  readonly listen: Required<StatusListenOptions> | undefined
}

const OPTIONS = new Set(['path', 'onRequest', 'listen'])
const LISTEN_OPTIONS = new Set(['host', 'port'])
/** Without an end in `/`, and nothing that the router reads as a pattern. */
const PATH = /^(?:\/|(?:\/[\w.-]+)+)$/

/**
 * Checks the option `status`.
 *
 * @throws {BadOption} It is wrong, or would show the page to each client.
 */
export function readStatus (given: StatusOptions): StatusSettings {
  const { path, onRequest = [], listen } = checkObject(given, 'status', OPTIONS)
  const on = listen === undefined ? undefined : readListen(listen)
  const hooks = (Array.isArray(onRequest) ? onRequest : [onRequest]) as readonly StatusHook[]
  if (!hooks.every((hook) => typeof hook === 'function')) throw badOption('status.onRequest', 'a hook or a list of hooks', onRequest)
  if (hooks.length === 0 && on === undefined) {
    throw new BadOption('option status.onRequest is required: the page is only there behind the hook that you name')
  }
  if (hooks.length === 0 && !isLoopback(on!.host)) {
    throw new BadOption('option status.onRequest is required where status.listen.host is not on loopback: the page is only there behind the hook that you name')
  }
  const where = path ?? (on === undefined ? '/proxy-status' : '/')
  if (typeof where !== 'string' || !PATH.test(where)) throw badOption('status.path', 'a path such as /proxy-status', where)
  return Object.freeze({ path: where, hooks: Object.freeze([...hooks]), listen: on })
}

function readListen (given: StatusListenOptions): Required<StatusListenOptions> {
  const { host = '127.0.0.1', port } = checkObject(given, 'status.listen', LISTEN_OPTIONS)
  if (typeof host !== 'string' || host === '') throw badOption('status.listen.host', 'an address', host)
  return Object.freeze({ host, port: readInteger(port, 'status.listen.port', 0, 65_535) })
}
