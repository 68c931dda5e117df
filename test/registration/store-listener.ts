import Fastify from 'fastify'
import t from 'tap'
import { Events } from '../../lib/events/events.js'
import { storeListener } from '../../lib/registration/store-listener.js'
import { Log } from '../fixtures/log.js'

t.test('a Redis that fails: the log says what comes of it, and when it is over', async t => {
  const { stream, lines } = new Log()
  const app = Fastify({ logger: { stream } })
  for (const store of ['attempts', 'nonces', 'revocations'] as const) {
    const tell = storeListener(app.log, new Events('gw'), store)
    tell('failed', new Error('away'))
    tell('recovered')
  }
  t.match(lines, [
    { level: 40, err: { message: 'away' }, msg: 'Redis does not answer: this process counts failed attempts for itself' },
    { level: 30, store: 'attempts', msg: 'Redis answers again' },
    { level: 40, msg: 'Redis does not answer: Digest credentials get 503' },
    { level: 30, store: 'nonces' },
    { level: 40, msg: 'Redis does not answer: a user is revoked in this process alone' },
    { level: 30, store: 'revocations' }
  ])
  storeListener(app.log, new Events('gw'), 'limits', 'The store of limits', 'nothing is counted')('failed', new Error('full'))
  t.match(lines.at(-1), { level: 40, msg: 'The store of limits does not answer: nothing is counted' })
})

t.test('a Redis that fails, and a listener for events: it is told, with the code of the error', async t => {
  const events = new Events('gw')
  const told: unknown[] = []
  events.on('store', event => told.push(event))
  const tell = storeListener(Fastify().log, events, 'nonces')
  tell('failed', Object.assign(new Error('away'), { code: 'ECONNREFUSED' }))
  tell('recovered')
  tell('failed', new Error('away'))
  t.match(told, [
    { gateway: 'gw', store: 'nonces', state: 'failed', error: 'ECONNREFUSED' }, { store: 'nonces', state: 'recovered', error: undefined },
    { store: 'nonces', state: 'failed', error: undefined }
  ])
})
