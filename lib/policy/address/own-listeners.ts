import { networkInterfaces } from 'node:os'
import { readAddress } from './address.js'
import type { IpAddress } from './address.js'
import { embeddedIPv4 } from './embedded-address.js'

/** Where this server listens: the address and port of `server.address()`. */
export interface OwnListener {
  readonly address: string
  readonly port: number
}

function withoutZone (text: string): IpAddress | null {
  const zone = text.indexOf('%')
  return readAddress(zone === -1 ? text : text.slice(0, zone))
}

function isSame (one: IpAddress | null, other: IpAddress): boolean {
  return one !== null && one.family === other.family && one.bits === other.bits
}

function isLoopback ({ family, bits }: IpAddress): boolean {
  return family === 4 ? bits >> 24n === 127n : bits === 1n
}

/**
 * Read anew each time: addresses come and go, and this runs only for a target with the port of a
 * listener.
 */
function isLocal (address: IpAddress): boolean {
  return isLoopback(address) || Object.values(networkInterfaces()).some(
    (entries) => entries?.some((entry) => isSame(withoutZone(entry.address), address))
  )
}

/**
 * True when a connection to `address` and `port` would come back to one of `listeners`. A listener
 * on 0.0.0.0 or :: has every address of this machine, and the whole of 127/8; the target 0.0.0.0 or
 * :: reaches every listener. Either family counts for both, so that a dual-stack socket has no
 * second door.
 */
export function isOwnListener (address: IpAddress, port: number, listeners: Iterable<OwnListener>): boolean {
  const embedded = embeddedIPv4(address)
  const views = embedded === null ? [address] : [address, embedded]
  for (const listener of listeners) {
    if (listener.port !== port) continue
    const own = withoutZone(listener.address)
    if (own === null) continue // a socket in the file system
    for (const view of views) {
      if (view.bits === 0n || isSame(own, view) || (own.bits === 0n && isLocal(view))) return true
    }
  }
  return false
}
