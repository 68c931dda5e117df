import type { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { ListenerFailed } from '../errors.js'

/** What of a logger is needed. */
export interface ErrorLog {
  error (details: { readonly err: unknown }, message: string): void
}

/** What an event may bring along that something can be done about. */
type Part = Partial<ServerResponse & Duplex & { goaway (): void }> & { _httpMessage?: unknown } | null | undefined

const FAILED = 'HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/**
 * Makes of a listener one that cannot end the process: what is thrown in an event of a server, a session, a socket or a stream is
 * caught by no one else. The failure is logged as an error of ours, and what the event was about is answered with 500 if
 * that is possible, else closed.
 *
 * @param listener - May return a promise, whose rejection counts as well.
 * @example
 * server.on('connect', guarded(app.log, (request, socket, head) => { … }))
 */
export function guarded<This, Event extends unknown[]> (log: ErrorLog, listener: (this: This, ...event: Event) => unknown) {
  return function (this: This, ...event: Event): void {
    try {
      const result = Reflect.apply(listener, this, event)
      if (result instanceof Promise) result.catch((cause: unknown) => { fail(log, [this, ...event], cause) })
    } catch (cause) {
      fail(log, [this, ...event], cause)
    }
  }
}

/** Whatever fails in here as well must not get out either. */
function fail (log: ErrorLog, parts: unknown[], cause: unknown): void {
  try {
    log.error({ err: new ListenerFailed({ cause }) }, 'a listener failed')
  } catch {}
  for (const part of parts) {
    try {
      close(part as Part, parts)
    } catch {}
  }
}

function close (part: Part, parts: unknown[]): void {
  if (part?.writeHead !== undefined) refuse(part as ServerResponse)
  else if (part?.goaway !== undefined) part.destroy!() // a session
  else if (part instanceof Duplex) {
    // The connection of a CONNECT or an Upgrade that has no response yet, or else of anything.
    if (parts.some(isRequest) && part.writable && !part._httpMessage) part.end(FAILED, () => part.destroy())
    else part.destroy()
  }
}

function refuse (response: ServerResponse & { stream?: Duplex }): void {
  if (response.headersSent) (response.stream ?? response).destroy()
  else response.writeHead(500, response.req.httpVersionMajor === 1 ? { Connection: 'close' } : {}).end()
}

function isRequest (part: unknown): part is IncomingMessage {
  return (part as Partial<IncomingMessage> | null | undefined)?.httpVersion !== undefined
}
