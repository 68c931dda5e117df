import type { Test } from 'tap'
import type { Cell, Client, Exchange, Reason, Told } from './exchange.js'
import { fails as failsWithSquid } from './squid-witness.js'
import type { World } from './world.js'

/** What became of a cell. `passed`: it was served as the right user, and with wrong credentials it was refused; `refused`: with right ones, as it must be. */
export type Verdict = 'passed' | 'refused' | 'not supported' | 'failed'

export interface Line {
  readonly cell: Cell
  readonly verdict: Verdict
  readonly reason?: Reason
  /** It spoke HTTP/2 to the gateway. */
  readonly http2: boolean
  /** For whoever has to mend it: what the client said, and what both ends saw. */
  readonly says: string
}

/**
 * Runs a client through its cells. What it cannot is tried as well, with the first listener that it is missing for; it is believed
 * that it cannot when it does not.
 */
export async function judge (t: Test, client: Client, cells: readonly Cell[], world: World): Promise<Line[]> {
  const plan = cells.map(cell => ({ cell, reason: client.cannot(cell) }))
  const tried = new Set<string>()
  const exchanges = plan.flatMap(({ cell, reason }) => {
    const key = `${cell.scheme.name} ${cell.form} ${reason?.id}`
    if (reason !== undefined && tried.has(key)) return []
    tried.add(key)
    return reason === undefined ? [world.exchange(cell, 'wrong'), world.exchange(cell, 'right')] : [world.exchange(cell, 'right')]
  })
  const told = await client.run(exchanges)
  const results = exchanges.map((exchange, index) => ({ exchange, told: told[index]! }))
  const lines: Line[] = []
  for (const { cell, reason } of plan) {
    const own = results.filter(({ exchange }) => exchange.scheme === cell.scheme && exchange.form === cell.form && exchange.listener === cell.listener)
    const served = own.find(({ exchange }) => exchange.account === cell.scheme.right)
    const refused = own.find(({ exchange }) => exchange.account === cell.scheme.wrong)
    const isServed = served !== undefined && wasServed(served, world)
    const isRefused = refused !== undefined && wasRefused(refused, world)
    const http2 = served !== undefined && world.evidence(served.exchange.id).versions.has('2.0')
    const says = own.map(({ exchange, told }) => `${told.says} ${inspect(world, exchange.id)}`).join('\n  ')
    if (reason === undefined) lines.push({ cell, verdict: isServed && isRefused ? 'passed' : 'failed', http2, says })
    else if (reason.ours === true) lines.push({ cell, verdict: served !== undefined && wasKeptOut(served, world) ? 'refused' : 'failed', reason, http2, says })
    else lines.push({ cell, verdict: isServed ? 'failed' : 'not supported', reason, http2, says: `it is supported: ${says}` })
  }
  const witness = results.filter(({ exchange }) => client.cannot(exchange)?.squid === true)
  if (witness.length === 0) return lines
  const cleared = await failsWithSquid(t, client, witness.map(({ exchange }) => exchange), world)
  return lines.map(line => line.reason?.squid !== true || cleared.has(`${line.cell.scheme.name} ${line.cell.form}`)
    ? line
    : { ...line, verdict: 'failed', says: 'it is not supported here, and Squid serves it' })
}

interface Result { readonly exchange: Exchange, readonly told: Told }

function wasServed ({ exchange: { id, scheme, account }, told }: Result, world: World): boolean {
  const { asked, tokens, user, byParent } = world.evidence(id)
  return told.served && asked && [...tokens].every(token => token === scheme.token) && user !== undefined && user.startsWith(account.username) &&
    byParent === (scheme.byParent === true)
}

/** It came to the gateway, and not to the origin. */
function wasKeptOut ({ exchange: { id }, told }: Result, world: World): boolean {
  const { asked, versions } = world.evidence(id)
  return !told.served && !asked && versions.size > 0
}

/** Credentials were sent, each got a 407, and the origin heard nothing of it. */
function wasRefused ({ exchange: { id }, told }: Result, world: World): boolean {
  const { asked, presented, refused } = world.evidence(id)
  return !told.served && !asked && presented > 0 && refused === presented
}

function inspect (world: World, id: string): string {
  const { tokens, versions, ...rest } = world.evidence(id)
  return JSON.stringify({ ...rest, tokens: [...tokens], versions: [...versions] })
}
