import { apache } from '../contenders/apache.js'
import { haproxy } from '../contenders/haproxy.js'
import { OURS, bareNode, gateway, httpProxy, npmProxy, proxyChain } from '../contenders/node.js'
import { squid } from '../contenders/squid.js'
import { tinyproxy } from '../contenders/tinyproxy.js'
import { get } from './loads.js'
import type { Scenario } from './scenario.js'

const forwarding = get({ to: 'origin' })
const ours = gateway()

export const forward: Scenario = {
  name: 'forward',
  sections: [{
    title: 'GET of 1 KiB in absolute-form, Basic',
    unit: 'request',
    subject: OURS,
    rows: [ours, squid, tinyproxy, apache, haproxy, proxyChain, npmProxy, bareNode].map((contender) => ({ name: contender.name, contender, load: forwarding })),
    goals: [{ of: 'cpu', row: OURS, against: squid.name, atMost: 0.85 }, { of: 'cpu', row: OURS, against: proxyChain.name, atMost: 0.35 }]
  }]
}

export const reverse: Scenario = {
  name: 'reverse',
  sections: [{
    title: 'GET of 1 KiB on a reverse route, Basic',
    unit: 'request',
    subject: OURS,
    rows: [
      { name: OURS, contender: ours, load: get({ to: '/api/' }) },
      { name: `${httpProxy.name}, no authentication`, contender: httpProxy, load: get({ to: '/api/' }) },
      { name: apache.name, contender: apache, load: get({ to: '/api/', field: 'Authorization' }) },
      { name: haproxy.name, contender: haproxy, load: get({ to: '/api/', field: 'Authorization', port: 'reverse' }) },
      { name: bareNode.name, contender: bareNode, load: get({ to: '/api/' }) }
    ],
    goals: [{ of: 'cpu', row: OURS, against: `${httpProxy.name}, no authentication`, atMost: 0.70 }]
  }]
}

const both = gateway({ schemes: ['digest', 'basic'] })

export const digest: Scenario = {
  name: 'digest',
  sections: [{
    title: 'GET of 1 KiB in absolute-form, Digest beside Basic',
    unit: 'request',
    subject: 'Digest',
    rows: [
      { name: 'Digest', contender: both, load: get({ to: 'origin', credentials: 'Digest' }) },
      { name: 'Basic', contender: both, load: forwarding }
    ],
    goals: [{ of: 'cpu', row: 'Digest', against: 'Basic', atMost: 1.15 }]
  }]
}
