import t from 'tap'
import { Exchanges } from '../../lib/proxy/exchanges.js'

/** An exchange that leaves when it is ended, and remembers that. */
function exchange (exchanges: Exchanges, idle = false) {
  const self = { idle, ended: false, end: () => { self.ended = true; exchanges.delete(self) } }
  return self
}

t.test('nothing under way: nothing to wait for', async t => {
  const exchanges = new Exchanges()
  t.match(exchanges, { size: 0, closing: false })
  await exchanges.drain(2 ** 31 - 1)
  t.equal(exchanges.closing, true)
})

t.test('waits until the last has gone (R-CONNECT-17)', async t => {
  const exchanges = new Exchanges()
  const [one, two] = [exchange(exchanges), exchange(exchanges)]
  exchanges.add(one)
  exchanges.add(two)
  t.equal(exchanges.size, 2)
  let drained = false
  const draining = exchanges.drain(2 ** 31 - 1).then(() => { drained = true })
  t.equal(exchanges.closing, true)
  exchanges.delete(one)
  await null
  t.equal(drained, false)
  exchanges.delete(two)
  await draining
  t.strictSame([one.ended, two.ended], [false, false])
})

t.test('ends what is left after its time (R-CONNECT-17)', async t => {
  const exchanges = new Exchanges()
  const one = exchange(exchanges)
  exchanges.add(one)
  await exchanges.drain(5)
  t.match([one.ended, exchanges.size], [true, 0])
})

t.test('ends idle ones without a wait', async t => {
  const exchanges = new Exchanges()
  const one = exchange(exchanges, true)
  exchanges.add(one)
  await exchanges.drain(2 ** 31 - 1)
  t.equal(one.ended, true)
})

t.test('ends what comes too late, when it has settled in', async t => {
  const exchanges = new Exchanges()
  await exchanges.drain(0)
  const [stays, leaves] = [exchange(exchanges), exchange(exchanges)]
  exchanges.add(stays)
  exchanges.add(leaves)
  exchanges.delete(leaves)
  t.equal(stays.ended, false)
  await null
  t.strictSame([stays.ended, leaves.ended], [true, false])
})
