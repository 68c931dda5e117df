import t from 'tap'
import { Events } from '../../../lib/events/events.js'
import { logRefusal } from '../../../lib/gate/refusal/log.js'
import type { Refused } from '../../../lib/passport/outcome.js'

function lineOf (refused: Partial<Refused>, events = new Events('gw'), ip: string | undefined = '192.0.2.1'): { level: string, line: unknown, message: unknown } {
  let written
  const at = (level: string) => (line: unknown, message: unknown) => { written = { level, line, message } }
  const request = { id: 'req-1', log: { info: at('info'), debug: at('debug') }, method: 'GET', ip }
  logRefusal(request as never, { kind: 'refused', status: 407, scheme: 'Digest', reason: 'rejected', challenges: [], cause: null, note: null, ...refused }, events, performance.now())
  return written!
}

t.test('a refusal: it is one line of the log', async t => {
  t.same(lineOf({}), {
    level: 'info',
    message: 'refused',
    line: { refusal: { user: null, scheme: 'Digest', method: 'GET', status: 407, reason: 'rejected', address: '192.0.2.1' } }
  })
  t.match(lineOf({ note: { reason: 'nonce', userId: 'alice', guess: false } }), { line: { refusal: { user: 'alice', reason: 'nonce' } } })
})

t.test('a client that has yet to be asked, or is being asked: its line is at level debug', async t => {
  t.equal(lineOf({ reason: 'missing' }).level, 'debug')
  t.equal(lineOf({ reason: 'continued' }).level, 'debug')
  t.equal(lineOf({ reason: 'missing', status: 403 }).level, 'info', 'nothing was asked of him')
  for (const reason of ['not offered', 'malformed', 'forbidden', 'limited'] as const) t.equal(lineOf({ reason }).level, 'info')
})

t.test('listeners: they are told of a refusal, and of a client that is asked', async t => {
  const events = new Events('gw')
  const told: unknown[] = []
  for (const name of ['challenged', 'refused'] as const) events.on(name, (event) => { told.push([name, { ...event, durationMs: 0 }]) })
  lineOf({ note: { reason: 'nonce', userId: 'alice', guess: false } }, events)
  lineOf({ reason: 'continued' }, events)
  const of = { gateway: 'gw', id: 'req-1', client: '192.0.2.1', durationMs: 0, method: 'GET' }
  t.strictSame(told, [
    ['refused', { ...of, user: 'alice', scheme: 'Digest', status: 407, reason: 'nonce' }], ['challenged', { ...of, reason: 'continued' }]
  ])
})

t.test('a client on a socket in the file system: listeners are told of no address', async t => {
  const events = new Events('gw')
  const told: unknown[] = []
  events.on('refused', ({ client }) => { told.push(client) })
  lineOf({}, events, null as never)
  t.strictSame(told, [null])
})
