import { mock } from 'node:test'
import t from 'tap'
import { askWithin, orFail, withDeadline } from '../lib/deadline.js'

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

const errors = { failed: (cause: unknown): Error => new Error('failed', { cause }), late }

t.test('a function of the application: what it gives comes at once, unless it is a promise', async t => {
  t.equal(askWithin(() => 'value', 10, errors), 'value')
  const later = askWithin(async () => 'value', 10, errors)
  t.type(later, Promise)
  t.equal(await later, 'value')
})

t.test('a function of the application that throws, rejects, or has a `then` that throws: the error has the cause', async t => {
  const cause = new Error('own')
  const then = { get then () { throw cause } }
  t.throws(() => askWithin(() => { throw cause }, 10, errors), { message: 'failed', cause })
  t.throws(() => askWithin(() => then, 10, errors), { message: 'failed', cause })
  t.throws(() => orFail(() => { throw cause }, errors.failed), { message: 'failed', cause })
  await t.rejects(Promise.resolve(askWithin(async () => { throw cause }, 10, errors)), { message: 'failed', cause })
})

t.test('a function of the application whose promise never settles: time is up at the deadline', async t => {
  const waiting = askWithin(async () => await never, 10, errors)
  mock.timers.tick(10)
  await t.rejects(Promise.resolve(waiting), { message: 'late' })
})
