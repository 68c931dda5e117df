import { BASIC } from '../contenders/contender.js'
import { gateway } from '../contenders/node.js'
import { FORMS } from '../transfers.js'
import type { Form } from '../transfers.js'
import type { LoadOf, Scenario } from './scenario.js'

/** For each second that is asked for. */
const OCTETS = 64 * 2 ** 20

const gateways = {
  http1: gateway({ as: 'HTTP/1.1', upstream: 'contents' }),
  http2: gateway({ as: 'HTTP/2', upstream: 'contents', listener: 'http2' })
}

function load (form: Form, direction: 'up' | 'down'): LoadOf {
  return async ({ ports }, { load, origins }, seconds) => await load.run('contents', {
    form,
    direction,
    octets: Math.ceil(OCTETS * seconds),
    gateway: { port: ports['port']!, http2Port: ports['port']!, credentials: BASIC },
    origin: origins.ports['contents']!
  })
}

/** One content in every form of request. It fails when another one arrives. */
export const transfer: Scenario = {
  name: 'transfer',
  maxProcesses: 2,
  sections: (['down', 'up'] as const).map((direction) => ({
    title: `contents ${direction}, compared by their hash`,
    unit: 'GiB',
    subject: 'CONNECT',
    rows: FORMS.map((form) => ({ name: form, contender: form.endsWith('HTTP/2') ? gateways.http2 : gateways.http1, load: load(form, direction) })),
    goals: []
  }))
}
