import { BASIC } from '../contenders/contender.js'
import { OURS, bareHttp2, gateway } from '../contenders/node.js'
import { settings } from '../settings.js'
import type { LoadOf, Scenario } from './scenario.js'

/** At a time, on one session. */
const TUNNELS = 1000
/** Through each, for each second that is asked for. */
const OCTETS = 64 * 1024

const ours = gateway({ listener: 'http2' })
const load: LoadOf = async ({ ports }, { load, origins }, seconds) => await load.run('echoes', {
  route: { port: ports['port']!, listener: 'http2', target: `127.0.0.1:${origins.ports['echo']}`, credentials: BASIC },
  tunnels: TUNNELS,
  octets: Math.ceil(OCTETS * seconds)
})

/** What a browser with very many tabs does: its memory at the most, and whether it comes back. */
export const manyStreams: Scenario = {
  name: 'many-streams',
  maxProcesses: 2,
  sections: [{
    title: `octets echoed over HTTP/2, ${TUNNELS} tunnels at a time on one session`,
    unit: 'GiB',
    subject: OURS,
    rows: [ours, bareHttp2].map((contender) => ({ name: contender.name, contender, load })),
    goals: []
  }],
  async says (world) {
    const gateway = await ours.start(world)
    const inUse: string[] = []
    for (let round = 0; round < 3; round++) {
      await load(gateway, world, settings.seconds)
      inUse.push(`${((await gateway.collected()).inUse! / 2 ** 20).toFixed(1)} MiB`)
    }
    await gateway.end()
    return [`in use by the gateway after ${TUNNELS} such tunnels at a time, and as many again: ${inUse.join(', ')}`]
  }
}
