import t from 'tap'
import { readLog } from '../../lib/options/log.js'
import { refusesOption } from '../fixtures/bad-option.js'

t.test('the option log: paths are left out unless it says otherwise', async t => {
  t.same(readLog({}), { paths: false })
  t.same(readLog({ paths: true }), { paths: true })
  t.ok(Object.isFrozen(readLog({})))
})

t.test('a wrong value in log: it is refused with the name of the option', async t => {
  for (const [option, given, got] of [
    ['log', true, 'boolean'],
    ['log.path', { path: true }, 'it'],
    ['log.paths', { paths: 'yes' }, 'string'],
    ['log.paths', { paths: null }, 'null']
  ] as const) refusesOption(t, () => readLog(given as never), option, got)
})
