import { gateway } from '../contenders/node.js'
import { get, inFlood } from './loads.js'
import type { Scenario } from './scenario.js'

const forwarding = get({ to: 'origin' })
const remembering = gateway({ as: 'bcrypt', hasFile: true })
const REMEMBERED = 'bcrypt (cost 10), remembered'
const FLOODED = 'the same in a flood of wrong ones'
/** How many send wrong passwords as fast as they are refused. */
const GUESSERS = 4

export const bcrypt: Scenario = {
  name: 'bcrypt',
  sections: [{
    title: 'GET of 1 KiB in absolute-form, Basic, by how the password is kept',
    unit: 'request',
    subject: REMEMBERED,
    rows: [
      { name: 'in memory', contender: gateway({ as: 'in memory' }), load: forwarding },
      { name: REMEMBERED, contender: remembering, load: forwarding },
      { name: FLOODED, contender: remembering, load: inFlood(forwarding, GUESSERS) }
    ],
    goals: [
      { of: 'cpu', row: REMEMBERED, against: 'in memory', atMost: 1.1 },
      { of: 'rate', row: FLOODED, against: REMEMBERED, atLeast: 0.5 },
      { of: 'p99', row: FLOODED, atMost: 50 }
    ]
  }]
}
