import t from 'tap'
import { Allowance } from '../../../lib/proxy/exchange/allowance.js'
import { GivenMeter } from '../../fixtures/meters.js'

t.test('what may go at once: it is known at once', t => {
  const allowance = new Allowance(new GivenMeter(10))
  t.equal(allowance.take(4), 4)
  t.equal(allowance.take(10), 6)
  t.equal(allowance.takeAll(0), undefined)
  t.equal(new Allowance(new GivenMeter(10)).takeAll(10), undefined)
  t.end()
})

t.test('what may not go yet: it waits', async t => {
  const meter = new GivenMeter()
  const allowance = new Allowance(meter)
  const some = allowance.take(4)
  meter.give('up', 3)
  t.equal(await some, 3)
  const all = allowance.takeAll(5)
  for (let i = 0; i < 5; i++) meter.give('up', 1)
  await all
  t.equal(meter.moved.up, 8)
})

t.test('an exchange that is over: what waits fails, and so does what is asked later', async t => {
  const allowance = new Allowance(new GivenMeter())
  const some = allowance.take(4)
  allowance.end()
  await t.rejects(async () => await some, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  t.throws(() => allowance.take(4), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  new Allowance(new GivenMeter()).end()
})
