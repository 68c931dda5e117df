import { apache } from '../contenders/apache.js'
import { OURS, bareNode, gateway, npmProxy, proxyChain } from '../contenders/node.js'
import { squid } from '../contenders/squid.js'
import { tinyproxy } from '../contenders/tinyproxy.js'
import { connect as tunnels } from './loads.js'
import { onNode } from './scenario.js'
import type { Scenario } from './scenario.js'

export const connect: Scenario = {
  name: 'connect',
  sections: [{
    title: 'CONNECT, one octet there and back, Basic',
    unit: 'tunnel',
    subject: OURS,
    rows: [gateway(), squid, tinyproxy, apache, proxyChain, npmProxy, bareNode].map((contender) => ({ name: contender.name, contender, load: tunnels() })),
    goals: [{ of: 'cpu', row: OURS, against: squid.name, atMost: onNode({ 20: 1.30, 22: 1.05 }) }]
  }]
}
