// What both soaks start and end, and how the gateway is told to be at rest.

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { certificate } from '../fixtures/certificate.js'
import { redis, startRedis } from '../fixtures/redis.js'
import type { GatewaySetup, Snapshot } from './gateway.js'
import { origin } from './origin.js'

export interface World {
  /** The gateway's process. */
  readonly child: ChildProcess
  readonly ports: { readonly plain: number, readonly h2: number }
  readonly target: { readonly port: number }
  /** The path of the account file. */
  readonly accounts: string
  /** What the gateway had before the first request. */
  readonly atRest: Snapshot
  fail (what: string): void
  snapshot (): Promise<Snapshot>
  /** What there is in the gateway's memory, by class. */
  objects (): Promise<Record<string, number>>
  /** Waits until no more is open than was at rest; fails where that takes too long. */
  quiet (): Promise<Snapshot>
  /** Prints the failures and a verdict, sets the exit status, and ends everything. */
  end (name: string): void
}

/** How long everything may take to be over behind the last request. */
export const QUIET = 15_000

/** No soak takes longer, in ms. */
const LONGEST = 24 * 60 * 60 * 1000

/** MiB that the gateway holds. */
export function held ({ heap, external }: Snapshot): number {
  return (heap + external) / 2 ** 20
}

/** Starts an origin, and a gateway in a process of its own. */
export async function startWorld (): Promise<World> {
  const failures = new Map<string, number>()
  const fail = (what: string) => { failures.set(what, (failures.get(what) ?? 0) + 1) }
  const undo: Array<() => unknown> = []
  const teardown = (last: () => unknown) => { undo.push(last) }
  const { certFile, keyFile } = certificate({ teardown }, 'gateway.test')
  const store = redis.skip === false ? await startRedis({ teardown }, [], LONGEST) : undefined
  const accounts = join(certFile, '..', 'accounts')
  writeFileSync(accounts, 'alice:alice-secret\n')
  const target = await origin()
  const setup: GatewaySetup = { origin: target.port, accounts, cert: certFile, key: keyFile, redis: store?.path }
  const child = fork(new URL('gateway.ts', import.meta.url), [JSON.stringify(setup)], { execArgv: ['--import', 'tsx', '--expose-gc'] })
  child.once('exit', code => { console.error(`the gateway ended with ${code}`); process.exit(1) })
  const asked = async <Told>(what: string): Promise<Told> => {
    child.send(what)
    return (await once(child, 'message') as [Told])[0]
  }
  const [ports] = await once(child, 'message') as [World['ports']]
  const snapshot = async () => {
    const taken = await asked<Snapshot>('snapshot')
    for (const fault of taken.faults) fail(`gateway: ${fault.slice(0, 500)}`)
    return taken
  }
  const atRest = await snapshot()

  /** Kinds of which there is more than at rest. */
  const more = (now: Snapshot) => Object.entries(now.resources)
    .filter(([kind, count]) => kind !== 'Immediate' && !kind.endsWith('Req') && !kind.endsWith('ReqWrap') && count > (atRest.resources[kind] ?? 0))
    .map(([kind, count]) => `${kind}: ${count}, at rest ${atRest.resources[kind] ?? 0}`)
  const quiet = async () => {
    const by = performance.now() + QUIET
    target.closeUnused()
    let last = await snapshot()
    // What node has of a session of HTTP/2 is kept for some collections, one of which each snapshot is.
    for (let collections = 0; collections < 5; collections++) last = await snapshot()
    while ((last.descriptors > atRest.descriptors || more(last).length > 0) && performance.now() < by) {
      await wait(500)
      target.closeUnused()
      last = await snapshot()
    }
    if (last.descriptors > atRest.descriptors) fail(`${last.descriptors} descriptors at the end, ${atRest.descriptors} at rest`)
    for (const kind of more(last)) fail(`left: ${kind}`)
    return last
  }
  const end = (name: string) => {
    for (const [what, count] of failures) console.log(`${count} × ${what}`)
    console.log(failures.size === 0 ? `${name}: flat` : `${name}: FAILED`)
    child.removeAllListeners('exit').disconnect()
    target.close()
    for (const last of undo) last()
    process.exitCode = failures.size === 0 ? 0 : 1
  }
  return { child, ports, target, accounts, atRest, fail, snapshot, objects: async () => await asked('objects'), quiet, end }
}
