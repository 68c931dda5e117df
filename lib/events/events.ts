import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'
import { guarded } from '../platform/guarded.js'
import type { ProxyAuthEvents } from './payloads.js'

type EventName = keyof ProxyAuthEvents
type EventListener<N extends EventName> = (event: ProxyAuthEvents[N]) => void

const NAMES: readonly EventName[] = ['challenged', 'granted', 'refused', 'denied', 'opened', 'progress', 'closed', 'limited', 'store']
/** They are the process's: gateways in one process are told apart by the member `gateway`. */
const channels = Object.fromEntries(NAMES.map((name) => [name, channel(`fastify-proxy-auth:${name}`)])) as unknown as Record<EventName, Channel>

/**
 * Tells what happens at one gateway: on `diagnostics_channel` to the application, and directly to
 * what belongs to the gateway itself.
 *
 * An event is made only where there is a listener for it, so ask {@link hears} first.
 *
 * @example
 * if (events.hears('granted')) events.tell('granted', { user, ... })
 */
export class Events {
  private readonly listeners: { readonly [N in EventName]: Array<EventListener<N>> }

  /** @param gateway - Its name, for the member `gateway` of events. */
  constructor (readonly gateway: string) {
    this.listeners = Object.fromEntries(NAMES.map((name) => [name, []])) as unknown as Events['listeners']
  }

  /** Whether there is a listener for events of this name. */
  hears (name: EventName): boolean {
    return this.listeners[name].length > 0 || channels[name].hasSubscribers
  }

  /** Whether any event about an exchange has a listener. */
  get hearsExchanges (): boolean {
    return this.hears('closed') || this.hears('opened') || this.hears('progress') || this.hears('denied')
  }

  /**
   * Tells all listeners. What fails in one of ours is logged. What a subscriber of the application
   * throws is an uncaught exception of the process, as node has it.
   */
  tell<N extends EventName> (name: N, event: Omit<ProxyAuthEvents[N], 'gateway'>): void {
    const told = { gateway: this.gateway, ...event } as ProxyAuthEvents[N]
    for (const listener of this.listeners[name]) guarded(listener)(told)
    const { [name]: published } = channels
    if (published.hasSubscribers) published.publish(told)
  }

  /** Has `listener` told of events from now on, of this gateway only. */
  on<N extends EventName> (name: N, listener: EventListener<N>): void {
    (this.listeners[name] as Array<EventListener<N>>).push(listener)
  }
}
