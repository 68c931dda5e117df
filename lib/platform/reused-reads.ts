import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { guarded, guardedOr, once } from './guarded.js'

/** The size of a buffer: what node reads at a time. */
const SIZE = 65_536
/** A read of so much is one of many. What comes in smaller ones is copied, which costs less. */
const BULK = 16_384
/** How many sockets have a buffer of their own at a time: 16 MiB. Others copy. */
const MAX_BUFFERS = 256

/**
 * What node keeps on a socket that was made with the option `onread`, and what a handle has for it.
 */
interface ReadNames { readonly buffer: symbol, readonly callback: symbol, readonly generator: symbol }
type Reader = Socket & {
  readonly _handle?: { useUserBuffer?(buffer: Buffer): void } | null
  [name: symbol]: unknown
}

/** `null` where this node has other names. */
const names = readNames()

/** Holds what was read by sockets without a buffer of their own, until it is copied: at once. */
const shared = Buffer.allocUnsafeSlow(SIZE)
const free: Buffer[] = []
let taken = 0

/**
 * Whether what a socket says can be read by {@link reuseReads}: it is a plain connection, and this
 * node has what it takes.
 *
 * @quirk node-allocates-each-read
 */
export function canReuseReads (side: Duplex): side is Socket {
  return names !== null && Object.getPrototypeOf(side) === Socket.prototype &&
    typeof (side as Reader)._handle?.useUserBuffer === 'function'
}

/** Says how much of what was read may go, and takes what may not. */
export interface ReadMeter {
  /** How many of these octets may go. */
  take (octets: number): number
  /**
   * Takes octets of which fewer may go. Nothing more is read until it says so.
   *
   * @param octets - Are its own.
   */
  hold (octets: Buffer, taken: number): void
}

/**
 * Passes on what a socket says, from here on for good, in buffers that are used again. Node itself
 * allocates 64 KiB for each read, and most of what a tunnel costs is to have them collected.
 *
 * A buffer is read into again only when all of it is out. Until then the socket is not read, which
 * is the back-pressure. What comes in small pieces is read into a buffer that all share, and
 * copied, so a socket has a buffer of its own only behind a large read.
 *
 * @param from - {@link canReuseReads}; nothing else reads it, and nothing that was read waits. Its
 *   end and its failures stay events.
 * @param to - A plain connection as well: others keep what is written to them for longer.
 * @param meter - Has to let it through. Default: all goes.
 * @returns To be called when the meter holds nothing any more.
 * @quirk node-allocates-each-read
 */
export function reuseReads (from: Socket, to: Socket, meter?: ReadMeter): () => void {
  const reader = from as Reader
  /** Its own. It is set aside while what is in it is on its way. */
  let own: Buffer | undefined
  let inFlight = false
  let waits = false
  let next: Buffer | undefined

  const giveBack = () => {
    if (own === undefined) return
    if (free.length < MAX_BUFFERS) free.push(own)
    taken -= 1
    own = undefined
  }
  /** The system may still read what is in it, so nothing else may be read into it. */
  const drop = () => {
    if (own !== undefined) taken -= 1
    own = undefined
  }
  const goOn = guarded(() => {
    waits = false
    if (inFlight && !to.destroyed) {
      inFlight = false
      giveBack()
    }
    from.read(0)
  }, from)
  /** Reads no more until all is out. */
  const wait = (): false => {
    if (waits) return false
    waits = true
    if (to.writableNeedDrain) once(to, 'drain', goOn, from)
    else to.write(EMPTY, goOn)
    return false
  }
  const take = (length: number, buffer: Buffer): boolean => {
    next = undefined
    if (to.destroyed || to.writableEnded) return true // it is thrown away
    if (meter !== undefined) {
      const taken = meter.take(length)
      if (taken < length) {
        meter.hold(Buffer.from(buffer.subarray(0, length)), taken)
        if (buffer !== own) return false
        next = shared
        giveBack()
        return false
      }
    }
    const isBulk = length >= BULK
    if (buffer === own) {
      to.write(buffer.subarray(0, length))
      inFlight = to.writableLength > 0
      if (inFlight || !isBulk) next = shared // for what the application may have it read meanwhile
      if (inFlight) return wait()
      if (!isBulk) giveBack()
      return true
    }
    to.write(Buffer.from(buffer.subarray(0, length))) // a copy
    if (to.writableLength > 0) return wait()
    if (isBulk && !waits) next = own = takeBuffer()
    return true
  }

  reader[names!.buffer] = shared
  reader[names!.callback] = guardedOr(false, take)
  reader[names!.generator] = () => next
  reader._handle!.useUserBuffer!(shared)
  once(from, 'close', () => {
    if (inFlight) drop()
    else giveBack()
  })
  from.read(0)
  return () => {
    if (to.writableLength > 0 && !to.destroyed) wait()
    else from.read(0)
  }
}

/** `undefined` where all are in use. */
function takeBuffer (): Buffer | undefined {
  if (taken >= MAX_BUFFERS) return undefined
  taken += 1
  return free.pop() ?? Buffer.allocUnsafeSlow(SIZE)
}

function readNames (): ReadNames | null {
  const all = Object.getOwnPropertySymbols(new Socket())
  const named = (name: string) => all.find(({ description }) => description === name)
  const [buffer, callback, generator] = [named('kBuffer'), named('kBufferCb'), named('kBufferGen')]
  if (buffer === undefined || callback === undefined || generator === undefined) return null
  return { buffer, callback, generator }
}

const EMPTY = Buffer.alloc(0)
