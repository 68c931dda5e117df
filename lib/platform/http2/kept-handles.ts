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
      if (ofStream !== undefined && handle !== undefined) kept.addBehind(ofStream, handle)
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
 * What V8 is told that a handle takes. It is more than the 25 KiB that a session takes in native
 * code, of which V8 knows nothing: it collects after 64 MiB of what it is told, and some
 * collections are waited for. These octets are never touched, so they take no memory themselves.
 */
const WEIGHT = 131_072

/** A handle that is kept, and its weight. */
interface KeptHandle { readonly handle: object, readonly weight: Buffer }

/**
 * After how many objects without a collection it is looked whether there was one that no finalizer
 * told of. Not at each: to look at a weak reference keeps its object for the rest of the turn, and
 * V8 collects in the midst of one.
 */
const LOOK_EVERY = 600

/**
 * Objects that are kept for some collections of all garbage, which come the sooner the more there
 * are; or until others were collected.
 *
 * A finalizer tells of a collection, mostly. V8 calls none any more, of the whole process and for
 * ever, once a registry of anything in it was collected before it had called its own. So what there
 * is to tell is in weak references, and those are looked at without a finalizer, too.
 *
 * @quirk v8-registry-stops
 */
export class KeptHandles {
  /** The latest first. */
  private readonly rounds: KeptHandle[][] = Array.from({ length: COLLECTIONS }, () => [])
  private behind: Array<readonly [first: WeakRef<object>, handle: object]> = []
  /** How many came since the last collection that was noticed. */
  private since = 0
  /** An object that nothing else refers to: the next collection takes it. */
  private next: WeakRef<object> | undefined
  private readonly registry = new FinalizationRegistry<WeakRef<object>>(guarded((taken) => {
    if (taken === this.next) this.collected()
  }))

  /** How many there are. */
  get size (): number {
    return this.rounds.flat().length + this.behind.length
  }

  add (handle: object): void {
    this.rounds[0]!.push({ handle, weight: Buffer.allocUnsafeSlow(WEIGHT) })
    this.look()
  }

  /** Keeps `handle` until a collection after that of `first`. */
  addBehind (first: object, handle: object): void {
    this.behind.push([new WeakRef(first), handle])
    this.look()
  }

  private look (): void {
    this.since += 1
    if (this.next === undefined) this.wait()
    else if (this.since % LOOK_EVERY === 0 && this.next.deref() === undefined) this.collected()
  }

  private wait (): void {
    const taken = {}
    this.next = new WeakRef(taken)
    this.registry.register(taken, this.next)
  }

  private collected (): void {
    this.rounds.pop()
    this.rounds.unshift([])
    this.behind = this.behind.filter(([first]) => first.deref() !== undefined)
    this.next = undefined
    this.since = 0
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
