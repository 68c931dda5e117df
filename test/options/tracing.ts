import t from 'tap'
import { readTracing } from '../../lib/options/tracing.js'
import { refusesOption } from '../fixtures/bad-option.js'

t.test('the option tracing: whether spans are wanted, and whether they have names', async t => {
  t.strictSame(readTracing(undefined), { wanted: 'maybe', users: false })
  t.strictSame(readTracing(true), { wanted: 'yes', users: false })
  t.strictSame(readTracing(false), { wanted: 'no', users: false })
  t.strictSame(readTracing({}), { wanted: 'yes', users: false })
  t.strictSame(readTracing({ users: true }), { wanted: 'yes', users: true })
})

t.test('a wrong value in tracing: it is refused with the name of the option', async t => {
  for (const [option, given, got] of [
    ['tracing', 'on', 'string'],
    ['tracing', null, 'null'],
    ['tracing', [], 'an empty list'],
    ['tracing.user', { user: true }, 'it'],
    ['tracing.users', { users: 1 }, 'number']
  ] as const) refusesOption(t, () => readTracing(given as never), option, got)
})
