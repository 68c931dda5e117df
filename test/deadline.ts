import { mock } from 'node:test'
import t from 'tap'
import { withDeadline } from '../lib/deadline.js'

const late = (): Error => new Error('late')
const never = new Promise<never>(() => {})

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
t.afterEach(() => mock.timers.reset())

t.test('work that settles in time: its value or its error counts', async t => {
  t.equal(await withDeadline(Promise.resolve('value'), 10, late), 'value')
  await t.rejects(withDeadline(Promise.reject(new Error('own')), 10, late), { message: 'own' })
})

t.test('work that never settles: time is up at the deadline, and not before', async t => {
  let settled = false
  const waiting = withDeadline(never, 10, late).finally(() => { settled = true })
  mock.timers.tick(9)
  await Promise.resolve()
  t.notOk(settled)
  mock.timers.tick(1)
  await t.rejects(waiting, { message: 'late' })
})

t.test('a rejection after the deadline: it goes nowhere', async t => {
  const unhandled = t.capture(process, 'emit')
  let reject!: (error: Error) => void
  const waiting = withDeadline(new Promise((_resolve, _reject) => { reject = _reject }), 10, late)
  mock.timers.tick(10)
  await t.rejects(waiting, { message: 'late' })
  reject(new Error('too late'))
  await new Promise(resolve => { setImmediate(resolve) })
  t.notOk(unhandled().some(({ args }) => args[0] === 'unhandledRejection'))
})

t.test('work that is done in time: its timer is cleared', async t => {
  const cleared = t.capture(globalThis, 'clearTimeout', globalThis.clearTimeout)
  await withDeadline(Promise.resolve(), 10, late)
  t.equal(cleared().length, 1)
})
