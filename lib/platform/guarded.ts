import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { ListenerFailed } from '../errors.js'
import { streamOf } from './message-state.js'

// What is thrown in an event of a server, a session, a socket or a stream, or by the callback of a
// timer, is caught by no one: it ends the process. So each such entry into our code is made here,
// and test/entries.ts finds any that is not.

/** What of a logger is needed. */
export interface ErrorLog {
  error (details: { readonly err: unknown }, message: string): void
}

/** What can be closed. What is no emitter is told why. */
export interface Closable { destroy (failure: Error): unknown }

type Listener<This, Event extends unknown[]> = (this: This, ...event: Event) => unknown
/**
 * `removeListener` finds a listener by this member, and `listeners` shows it, as with those of
 * node's own `once`.
 */
type Entry<Called> = Called & { listener?: unknown }
type Emitter = Pick<EventEmitter, 'on' | 'prependListener' | 'removeListener'>

/** What an event may be about, as far as something can be done about it. */
type Part = Partial<Omit<ServerResponse, 'socket'> & Duplex & { goaway (): void, server: object, socket: Part }> & { _httpMessage?: unknown } | null | undefined

const FAILED = 'HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

const logs = new WeakMap<object, ErrorLog>()
let latest: ErrorLog = console

/**
 * Says where failures are logged: those on connections of a server in the log of its application.
 * One that has to do with none, as of a connection to an origin, is logged where the last call of
 * this says.
 */
export function logFailures (log: ErrorLog, server: object): void {
  logs.set(server, log)
  latest = log
}

/**
 * Adds a listener that cannot end the process. What it throws, or the rejection of a promise that
 * it returns, is logged as an error of ours ({@link ListenerFailed}), and what the event was about
 * is responded to with 500 if that is possible, else closed: the emitter, and those arguments of
 * the event that are a response, a socket, a stream or a session. For HTTP/2 that is the stream
 * alone, where it is about a stream.
 *
 * To the emitter it is `listener` itself: that is how to remove it, and `this` is the emitter.
 *
 * @param other - What is to be closed with it, the other side of a tunnel for one.
 * @returns The emitter.
 * @example
 * on(socket, 'close', () => exchanges.delete(exchange))
 */
export function on<This extends Emitter, Event extends unknown[]> (
  emitter: This, name: string, listener: Listener<This, Event>, other?: Closable
): This {
  emitter.on(name, always(listener, other) as never)
  return emitter
}

/** As {@link on}, for the first such event alone. */
export function once<This extends Emitter, Event extends unknown[]> (
  emitter: This, name: string, listener: Listener<This, Event>, other?: Closable
): This {
  emitter.on(name, first(emitter, name, listener, other) as never)
  return emitter
}

/** As {@link on}, before those that are there already. */
export function prepend<This extends Emitter, Event extends unknown[]> (
  emitter: This, name: string, listener: Listener<This, Event>, other?: Closable
): This {
  emitter.prependListener(name, always(listener, other) as never)
  return emitter
}

/** As {@link once}, before those that are there already. */
export function prependOnce<This extends Emitter, Event extends unknown[]> (
  emitter: This, name: string, listener: Listener<This, Event>, other?: Closable
): This {
  emitter.prependListener(name, first(emitter, name, listener, other) as never)
  return emitter
}

/**
 * Makes of a callback one that cannot end the process, as {@link on} does of a listener: for
 * timers, and for functions that take one to be called when they are done.
 *
 * @example
 * setTimeout(guarded(() => socket.end(), socket), READ_TIME)
 */
export function guarded<This, Event extends unknown[]> (callback: Listener<This, Event>, other?: Closable) {
  return function (this: This, ...event: Event): void { call(callback, this, event, other) }
}

/**
 * As {@link guarded}, of a function whose result counts.
 *
 * @param otherwise - The result when it has failed.
 */
export function guardedOr<Result, This, Event extends unknown[]> (
  otherwise: Result, callback: (this: This, ...event: Event) => Result
) {
  return function (this: This, ...event: Event): Result {
    try {
      return Reflect.apply(callback, this, event)
    } catch (cause) {
      fail(cause, this, event)
      return otherwise
    }
  }
}

/**
 * Asks `take` about events of an emitter, before any listener.
 *
 * @param names - The events that it is asked about. Others go to their listeners at once.
 * @param take - Gets the name of the event and its arguments. True: no listener gets it. So it is
 *   where this fails.
 */
export function intercept<This extends EventEmitter> (
  emitter: This, names: readonly string[], take: (this: This, name: string, ...event: never[]) => boolean
): void {
  const { emit } = emitter
  const takes = guardedOr(true, take)
  emitter.emit = function (this: This, ...event: unknown[]): boolean {
    return (names.includes(event[0] as string) && Reflect.apply(takes, this, event)) || Reflect.apply(emit, this, event)
  } as typeof emit
}

/**
 * Guards a method of a class that a library calls outside of any `try`: once for all instances, so
 * it costs none of them anything.
 *
 * @param toClose - What is closed when it fails.
 * @quirk undici-error-unguarded
 */
export function guardMethod<This extends object, Name extends keyof This> (
  prototype: This, name: Name, toClose: (self: This) => Closable
): void {
  const method = prototype[name] as (...event: unknown[]) => unknown
  Object.defineProperty(prototype, name, {
    value (this: This, ...event: unknown[]) {
      try {
        return Reflect.apply(method, this, event)
      } catch (cause) {
        fail(cause, undefined, event, toClose(this))
      }
    }
  })
}

function always<This, Event extends unknown[]> (listener: Listener<This, Event>, other: Closable | undefined) {
  const entry: Entry<Listener<This, Event>> = function (...event) { call(listener, this, event, other) }
  entry.listener = listener
  return entry
}

function first<This extends Emitter, Event extends unknown[]> (
  emitter: This, name: string, listener: Listener<This, Event>, other: Closable | undefined
) {
  let over = false
  const entry: Entry<Listener<This, Event>> = function (...event) {
    if (over) return // an event within the event
    over = true
    emitter.removeListener(name, entry as never)
    call(listener, this, event, other)
  }
  entry.listener = listener
  return entry
}

function call<This, Event extends unknown[]> (
  listener: Listener<This, Event>, self: This, event: Event, other: Closable | undefined
): void {
  try {
    const result = Reflect.apply(listener, self, event)
    if (result instanceof Promise) result.catch((cause: unknown) => { fail(cause, self, event, other) })
  } catch (cause) {
    fail(cause, self, event, other)
  }
}

/** Whatever fails in here as well must not get out either. */
function fail (cause: unknown, emitter: unknown, event: unknown[], other?: Closable): void {
  const failure = new ListenerFailed({ cause })
  const parts = [emitter, ...event, other] as Part[]
  try {
    logOf(parts).error({ err: failure }, 'a listener failed')
  } catch {}
  // A request that comes with an event has a response, or a connection to write one to, or else is
  // closed itself.
  const asked = event.find(isRequest)
  const alone = !event.some((part) => part instanceof Duplex || (part as Part)?.writeHead !== undefined)
  for (const part of parts) {
    try {
      const isMeant = part === emitter || part === other || (alone && part as unknown === asked)
      if (part instanceof EventEmitter) close(part as Part & object, asked !== undefined, isMeant)
      else if (part === other) other?.destroy(failure)
    } catch {}
  }
}

/** @param isMeant - It is to be closed, whatever it is; else it is if it is no message. */
function close (part: Part & object, asks: boolean, isMeant: boolean): void {
  if (part.writeHead !== undefined) refuse(part as ServerResponse)
  else if (part.goaway !== undefined) part.destroy!() // a session
  else if (part instanceof Duplex) {
    // The connection of a CONNECT or an Upgrade that has no response yet, or else of anything.
    if (asks && part.writable && !(part as Part)!._httpMessage) part.end(FAILED, () => part.destroy())
    else part.destroy()
  } else if (isMeant) (streamOf(part) ?? part as Partial<Duplex>).destroy?.()
}

function refuse (response: ServerResponse): void {
  try {
    if (!response.headersSent) {
      response.writeHead(500, response.req.httpVersionMajor === 1 ? { Connection: 'close' } : {}).end()
      return
    }
  } catch {} // it was the writing that failed before
  ;(streamOf(response) ?? response).destroy()
}

function isRequest (part: unknown): part is IncomingMessage {
  return typeof (part as Partial<IncomingMessage> | null | undefined)?.method === 'string'
}

function logOf (parts: Part[]): ErrorLog {
  for (const part of parts) {
    // Node has it on sockets. One whose turn has not come has no socket, but its request has.
    const { server, socket, req, session } = (part ?? {}) as {
      server?: object, socket?: Part, req?: Part, session?: Part
    }
    const log = logs.get((server ?? socket?.server ?? req?.socket?.server ?? session?.socket?.server ?? part)!)
    if (log !== undefined) return log
  }
  return latest
}
