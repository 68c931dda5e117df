import { gateway } from '../contenders/node.js'
import type { LoadOf, Scenario, Section } from './scenario.js'
import { connect, get, octets } from './loads.js'

const LIMITED = 'with limits and metrics'
const contenders = [gateway({ as: LIMITED, hasLimits: true }), gateway({ as: 'without' })]

function section (title: string, unit: Section['unit'], load: LoadOf, atMost?: number): Section {
  const rows = contenders.map((contender) => ({ name: contender.name, contender, load }))
  const goals = atMost === undefined ? [] : [{ of: 'cpu', row: LIMITED, against: 'without', atMost } as const]
  return { title: `${title}, with limits and without`, unit, subject: LIMITED, rows, goals }
}

/** What limits of each kind cost that nothing reaches, and metrics of each user. */
export const limited: Scenario = {
  name: 'limited',
  sections: [
    section('GET of 1 KiB in absolute-form', 'request', get({ to: 'origin' })),
    section('CONNECT, one octet there and back', 'tunnel', connect()),
    section('octets down, one tunnel', 'GiB', octets('down', 1), 1.15),
    section('octets up, one tunnel', 'GiB', octets('up', 1), 1.15)
  ]
}
