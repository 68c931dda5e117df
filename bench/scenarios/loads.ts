// What the scenarios have contenders do.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { World } from '../contenders/contender.js'
import { BASIC, PASSWORD, USERNAME } from '../contenders/contender.js'
import type { Listener } from '../contenders/node.js'
import type { Route } from '../load/client.js'
import { hasWrk } from '../load/load.js'
import type { Loaded } from '../load/load.js'
import type { Requests } from '../load/requests.js'
import { wrk } from '../load/wrk.js'
import type { LoadOf } from './scenario.js'

/** How many clients there are at a time. */
export const CONNECTIONS = 16
/** Far more requests than there will be in a second. */
const MOST = 25_000
/** How many octets go through tunnels for each second that is asked for. */
const OCTETS = 192 * 2 ** 20
/** And how many tunnels are held, twice. */
const IDLE = 1500

export interface Get {
  /** Absolute-form, or a path below the reverse prefix. */
  readonly to: 'origin' | '/api/'
  readonly credentials?: 'Basic' | 'Digest' | 'none'
  readonly field?: 'Proxy-Authorization' | 'Authorization'
  /** The contender's port, by its name. */
  readonly port?: string
}

/** GETs on connections that are kept. */
export function get ({ to, credentials = 'Basic', field = 'Proxy-Authorization', port = 'port' }: Get): LoadOf {
  return async ({ ports }, world, seconds) => {
    const host = `127.0.0.1:${world.origins.ports['http']}`
    const target = to === 'origin' ? `http://${host}/` : to
    const file = join(world.folder, 'credentials')
    if (credentials === 'Digest') {
      const count = Math.ceil(MOST * Math.max(1, seconds))
      await world.load.run('digestLines', { port: ports[port]!, target, username: USERNAME, password: PASSWORD, count, file })
    } else writeFileSync(file, credentials === 'Basic' ? BASIC : '')
    const status = credentials === 'none' ? 407 : 200
    return await send(world, { port: ports[port]!, target, host, field, status, seconds, connections: CONNECTIONS, file })
  }
}

async function send (world: World, requests: Requests): Promise<Loaded> {
  // It counts in whole seconds.
  return hasWrk && requests.seconds >= 1 ? await wrk(requests, world.folder) : await world.load.run('requests', requests)
}

/** The same with wrong passwords meanwhile, each of them new. */
export function inFlood (load: LoadOf, guessers: number): LoadOf {
  return async (running, world, seconds) => {
    const host = `127.0.0.1:${world.origins.ports['http']}`
    const flood = world.disturbance.run('requests', {
      port: running.ports['port']!, target: `http://${host}/`, host, field: 'Proxy-Authorization', status: 407, seconds: Math.max(1, seconds), connections: guessers, guesses: true
    })
    const loaded = await load(running, world, seconds)
    const { failed } = await flood
    return { ...loaded, failed: loaded.failed + failed }
  }
}

function routeOf (ports: Readonly<Record<string, number>>, world: World, listener: Listener, origin: 'echo' | 'octets'): Route {
  // Only some listen for TLS beside the rest.
  const port = (listener === 'tls' ? ports['tls'] : undefined) ?? ports['port']!
  return { port, listener, target: `127.0.0.1:${world.origins.ports[origin]}`, credentials: BASIC }
}

/** Tunnels for one octet there and back. */
export function connect (listener: Listener = 'plain'): LoadOf {
  return async ({ ports }, world, seconds) => await world.load.run('connects', {
    route: routeOf(ports, world, listener, 'echo'), seconds, connections: CONNECTIONS
  })
}

/** CONNECTs without credentials. */
export const refusedConnect: LoadOf = async ({ ports }, world, seconds) => await world.load.run('refusals', {
  port: ports['port']!, target: `127.0.0.1:${world.origins.ports['echo']}`, seconds, connections: CONNECTIONS
})

/** Octets through tunnels. */
export function octets (direction: 'up' | 'down', tunnels: number, listener: Listener = 'plain'): LoadOf {
  return async ({ ports }, world, seconds) => await world.load.run('octets', {
    route: routeOf(ports, world, listener, 'octets'), direction, tunnels, octets: Math.ceil(OCTETS * seconds)
  })
}

/** How much memory a tunnel takes through which nothing goes: what as many again take, as the first ones have made room for more. */
export const idle: LoadOf = async (running, world, seconds) => {
  const options = { route: routeOf(running.ports, world, 'plain', 'echo'), tunnels: Math.ceil(IDLE * seconds) }
  await world.load.run('idle', options)
  const before = await running.collected()
  const loaded = await world.load.run('idle', options)
  const after = await running.collected()
  await world.load.run('release', {})
  return { ...loaded, octetsEach: (after.rss - before.rss) / loaded.units }
}
