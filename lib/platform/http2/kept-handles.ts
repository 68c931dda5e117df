import type { Http2Session, Http2Stream } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import { guarded, on, once } from '../guarded.js'
import { onEverySession } from './sessions.js'

/**
 * How many times all garbage is collected before a handle is let go of. A collection may have begun
 * before the streams became garbage, and the one after it before the handle was moved on: the third
 * has seen them as such from its start.
 */
const COLLECTIONS = 3

/**
 * Keeps what node has of a session in native code until its streams have been collected.
 *
 * A stream that was destroyed while its session was writing for it is freed by the garbage
 * collector alone, and with it the fields of a block that its client began and did not end, such as
 * half of a trailer section. Where the collector takes the session first, or in the same
 * collection, node finds memory of the session still in use, and ends the process
 * (`~Http2Session`: `current_nghttp2_memory_`; node 20 to 26). Any client can bring that about.
 *
 * @quirk node-http2-session-memory
 */
export function keepHandles (app: FastifyInstance): void {
  onEverySession(app, (session) => {
    let handle = handleOf(session)
    if (handle === undefined) return
    on(session, 'stream', (stream: Http2Stream) => {
      const ofStream = handleOf(stream)
      if (ofStream !== undefined && handle !== undefined) keepBehind(ofStream, handle)
    })
    // A stream whose head never came to its end is known to node alone.
    once(session, 'close', () => {
      kept.add(handle!)
      // Node keeps the session and its listeners, and so this, for as long as the handle lives that
      // waits for an acknowledgement: for ever, if they kept the handle.
      handle = undefined
    })
  })
}

/**
 * Keeps `handle` until a collection after that of `first`: it is what the registry has to hand out.
 */
export function keepBehind (first: object, handle: object): void {
  behind.register(first, handle)
}

const behind = new FinalizationRegistry<object>(() => {})

/**
 * What V8 is told that a handle takes. It is more than the 25 KiB that a session takes in native
 * code, of which V8 knows nothing: it collects after 64 MiB of what it is told, and some
 * collections are waited for. These octets are never touched, so they take no memory themselves.
 */
const WEIGHT = 131_072

/** A handle that is kept, and its weight. */
interface KeptHandle { readonly handle: object, readonly weight: Buffer }

/**
 * Objects that are kept for some collections of all garbage, which come the sooner the more there
 * are.
 */
export class KeptHandles {
  /** The latest first. */
  private readonly rounds: KeptHandle[][] = Array.from({ length: COLLECTIONS }, () => [])
  private waiting = false
  private readonly registry = new FinalizationRegistry<undefined>(guarded(() => { this.collected() }))

  /** How many there are. */
  get size (): number {
    return this.rounds.flat().length
  }

  add (handle: object): void {
    this.rounds[0]!.push({ handle, weight: Buffer.allocUnsafeSlow(WEIGHT) })
    if (!this.waiting) this.wait()
  }

  /** Waits for a collection: what it takes is an object that nothing else refers to. */
  private wait (): void {
    this.waiting = true
    this.registry.register({}, undefined)
  }

  private collected (): void {
    this.rounds.pop()
    this.rounds.unshift([])
    this.waiting = false
    if (this.size > 0) this.wait()
  }
}

const kept = new KeptHandles()

let kHandle: symbol | undefined

/** Node shows it to no one, and forgets it when the session is over. Without it nothing is kept. */
function handleOf (owner: Http2Session | Http2Stream): object | undefined {
  kHandle ??= Object.getOwnPropertySymbols(owner).find(({ description }) => description === 'kHandle')
  return kHandle && (owner as unknown as Record<symbol, object | undefined>)[kHandle]
}
