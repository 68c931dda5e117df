import type { LimitFailure } from './meter.js'

/** A stream that waits for leave to move octets. */
export interface WaitingStream {
  /** How many it has to move. */
  readonly octets: number
  /**
   * It is its turn: it moves so many at most, or goes to wait where else it has to.
   *
   * @param most - 1 or more.
   */
  serve (most: number): void
  /** There is nothing to wait for. */
  fail (failure: LimitFailure): void
}

/**
 * What gives octets leave to move: the bandwidth, or the quota, of those that are counted together.
 */
export interface OctetSource {
  /**
   * How many of these octets may move now, as far as this source is concerned.
   *
   * @param waited - The stream has waited its turn elsewhere, so it need not stand in line here.
   */
  ready (octets: number, waited: boolean): number
  /** So many move: no more than were {@link ready} just now. */
  spend (octets: number): void
  /** Serves the stream later, once, when its turn has come. */
  queue (stream: WaitingStream): void
  /** The stream waits no more. */
  leave (stream: WaitingStream): void
}
