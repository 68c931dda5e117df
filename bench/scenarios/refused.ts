import { apache } from '../contenders/apache.js'
import { haproxy } from '../contenders/haproxy.js'
import { OURS, bareNode, gateway, npmProxy, proxyChain } from '../contenders/node.js'
import { squid } from '../contenders/squid.js'
import { tinyproxy } from '../contenders/tinyproxy.js'
import { get, refusedConnect } from './loads.js'
import { onNode } from './scenario.js'
import type { Scenario } from './scenario.js'

const ours = gateway()
const others = [squid, tinyproxy, apache, proxyChain, npmProxy, bareNode]
const hooked = gateway({ as: `${OURS} with an onSend hook`, hasOnSend: true })

export const refused: Scenario = {
  name: 'refused',
  sections: [{
    title: '407 to a GET in absolute-form',
    unit: 'request',
    subject: OURS,
    rows: [ours, hooked, haproxy, ...others].map((contender) => ({ name: contender.name, contender, load: get({ to: 'origin', credentials: 'none' }) })),
    goals: [
      { of: 'cpu', row: OURS, against: squid.name, atMost: 0.7 },
      { of: 'cpu', row: hooked.name, against: squid.name, atMost: 0.9 }
    ]
  }, {
    title: '407 to a CONNECT, each on a connection of its own',
    unit: 'request',
    subject: OURS,
    rows: [ours, ...others].map((contender) => ({ name: contender.name, contender, load: refusedConnect })),
    goals: [{ of: 'cpu', row: OURS, against: squid.name, atMost: onNode({ 20: 1.0, 24: 0.8 }) }]
  }]
}
