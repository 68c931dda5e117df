import t from 'tap'
import { StoreHealth } from '../../lib/store/store-health.js'

const DOWN = new Error('down')
const fails = async () => { throw DOWN }

function watched () {
  const told: unknown[][] = []
  const at = { now: 0, isReady: true }
  const health = new StoreHealth({ name: 'the store', timeout: 50, tell: (...args) => told.push(args), isReady: () => at.isReady, clock: () => at.now })
  return { health, told, at }
}

t.test('a store that answers: it is neither failing nor left alone', async t => {
  const { health, told } = watched()
  t.equal(await health.ask(async () => 5), 5)
  t.same([health.isFailing, health.isLeftAlone, told], [false, false, []])
})

t.test('a store that fails: it is left alone for a second, and fails until it answers', async t => {
  const { health, at, told } = watched()
  await t.rejects(health.ask(fails), DOWN)
  t.same([health.isFailing, health.isLeftAlone], [true, true])
  await t.rejects(health.ask(async () => t.fail('asked')), { message: 'the store failed a moment ago' })
  at.now = 1000
  t.same([health.isFailing, health.isLeftAlone], [true, false])
  t.equal(await health.ask(async () => 5), 5)
  t.same([health.isFailing, told], [false, [['failed', DOWN], ['recovered']]])
})

t.test('one question fails, and another that was under way is answered: the store is asked at once', async t => {
  const { health, told } = watched()
  let answer!: (value: number) => void
  const slow = health.ask(() => new Promise<number>(resolve => { answer = resolve }))
  await t.rejects(health.ask(fails), DOWN)
  answer(5)
  t.equal(await slow, 5)
  t.same([health.isFailing, health.isLeftAlone, told], [false, false, [['failed', DOWN], ['recovered']]])
  t.equal(await health.ask(async () => 6), 6, 'who waits for it asks again and again, and would do nothing else')
})

t.test('a store that never answers, or throws: the question ends in time', async t => {
  const { health, at, told } = watched()
  await t.rejects(health.ask(() => new Promise(() => {})), { message: 'the store did not answer in time' })
  at.now = 1000
  await t.rejects(health.ask(() => { throw DOWN }), DOWN)
  t.equal(told.length, 1)
})

t.test('a store that is not ready: it is left alone for as long as that, and no longer', async t => {
  const { health, at } = watched()
  at.isReady = false
  await t.rejects(health.ask(async () => t.fail('asked')), { message: 'the store is not connected' })
  t.ok(health.isLeftAlone)
  at.isReady = true
  t.notOk(health.isLeftAlone)
  t.equal(await health.first(async () => 5), 5)
})

t.test('neither clock nor readiness is given: it is always ready, and goes by the system', async t => {
  const health = new StoreHealth({ name: 'the store', timeout: 50, tell: () => {} })
  t.equal(await health.ask(async () => 5), 5)
  await t.rejects(health.ask(fails), DOWN)
  t.ok(health.isLeftAlone)
})
