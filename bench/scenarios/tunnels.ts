import { apache } from '../contenders/apache.js'
import { OURS, bareHttp2, bareNode, bareTls, gateway, npmProxy, proxyChain } from '../contenders/node.js'
import type { Contender } from '../contenders/contender.js'
import type { Listener } from '../contenders/node.js'
import { squid } from '../contenders/squid.js'
import { tinyproxy } from '../contenders/tinyproxy.js'
import { connect, idle as idleTunnels, octets } from './loads.js'
import type { Goal, Scenario, Section } from './scenario.js'

const contenders = [gateway(), squid, tinyproxy, apache, proxyChain, npmProxy, bareNode]

function through (title: string, unit: Section['unit'], rows: readonly Contender[], load: Section['rows'][number]['load'], goals: readonly Goal[] = []): Section {
  return { title, unit, subject: OURS, rows: rows.map((contender) => ({ name: contender.name, contender, load })), goals }
}

const besideSquid = { of: 'cpu', row: OURS, against: squid.name } as const

export const tunnel: Scenario = {
  name: 'tunnel',
  sections: [1, 16].flatMap((tunnels) => (['down', 'up'] as const).map((direction) => through(
    `octets ${direction}, ${tunnels === 1 ? 'one tunnel' : `${tunnels} tunnels at a time`}`, 'GiB', contenders, octets(direction, tunnels),
    [{ ...besideSquid, ...tunnels === 1 ? { atMost: 0.9 } : { atMost: 1.05 }, eachAtMost: 1.15 }]
  )))
}

/** Apache has a thread for each tunnel, and not as many. */
const patient = contenders.filter((contender) => contender !== apache)

export const idle: Scenario = {
  name: 'idle',
  sections: [{
    ...through('tunnels through which nothing goes', 'tunnel', patient, idleTunnels, [{ of: 'memory', row: OURS, atMost: 12 }]),
    isOnce: true
  }]
}

/** Set-up and both directions. */
function allThrough (name: string, listener: Listener, rows: readonly Contender[]): Section[] {
  return [
    through(`CONNECT ${name}, one octet there and back`, 'tunnel', rows, connect(listener)),
    ...(['down', 'up'] as const).map((direction) => through(`octets ${direction} ${name}, one tunnel`, 'GiB', rows, octets(direction, 1, listener)))
  ]
}

/** These have no goals, so fewer processes are enough to see what they cost. */
const maxProcesses = 3

export const tls: Scenario = { name: 'tls', maxProcesses, sections: allThrough('over TLS', 'tls', [gateway({ listener: 'tls' }), squid, bareTls]) }

export const http2: Scenario = { name: 'http2', maxProcesses, sections: allThrough('over HTTP/2', 'http2', [gateway({ listener: 'http2' }), bareHttp2]) }
