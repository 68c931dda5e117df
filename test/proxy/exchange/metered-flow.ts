import t from 'tap'
import { MeteredFlow } from '../../../lib/proxy/exchange/metered-flow.js'
import { GivenMeter } from '../../fixtures/meters.js'
import { until } from '../../fixtures/until.js'

function flowing (meter: GivenMeter) {
  const written: string[] = []
  const failures: Error[] = []
  const self = { written, failures, resumed: 0, fails: false, flow: null as unknown as MeteredFlow }
  self.flow = new MeteredFlow(meter, 'up', {
    write (octets) {
      if (self.fails) throw new Error('it cannot be written')
      written.push(String(octets))
    },
    resume () { self.resumed += 1 }
  }, { destroy: failure => failures.push(failure) })
  return self
}

t.test('what may go at once: it is written, and nothing is held', t => {
  const { flow, written } = flowing(new GivenMeter(3))
  t.equal(flow.pass(Buffer.from('abc')), true)
  t.match(flow, { isHeld: false, moved: 3 })
  let all = false
  flow.afterAll(() => { all = true })
  t.equal(all, true)
  t.strictSame(written, ['abc'])
  t.end()
})

t.test('what may not go yet: it is held, and goes piece by piece when it may; then more may come', async t => {
  const meter = new GivenMeter(1)
  const self = flowing(meter)
  const { flow, written } = self
  t.equal(flow.pass(Buffer.from('abcdef')), false)
  t.strictSame([written, flow.moved, flow.isHeld], [['a'], 1, true])
  t.equal(meter.waiting.up?.octets, 5)
  meter.give('up', 2)
  await until(() => written.length === 2)
  t.strictSame([written, self.resumed], [['a', 'bc'], 0])
  meter.give('up', 10)
  await until(() => self.resumed === 1)
  t.strictSame([written.join(''), flow.isHeld, flow.moved], ['abcdef', false, 6])
})

t.test('more that comes while something is held: it goes behind that', async t => {
  const meter = new GivenMeter()
  const { flow, written } = flowing(meter)
  t.equal(flow.pass(Buffer.from('ab')), false)
  t.equal(flow.take(5), 0)
  t.equal(flow.pass(Buffer.from('cd')), false)
  meter.give('up', 4)
  await until(() => !flow.isHeld)
  t.equal(written.join(''), 'abcd')
})

t.test('what is to be done when all has gone: it is done then, in the order in which it was asked for, and nothing more is asked for', async t => {
  const meter = new GivenMeter()
  const self = flowing(meter)
  const order: string[] = []
  self.flow.pass(Buffer.from('ab'))
  self.flow.afterAll(() => order.push(`end ${self.written.join('')}`))
  self.flow.afterAll(() => order.push('then'))
  meter.give('up', 2)
  await until(() => order.length === 2)
  t.strictSame([order, self.resumed], [['end ab', 'then'], 0])
})

t.test('a turn that fails: what it belongs to is closed, and what gives turns goes on', async t => {
  const meter = new GivenMeter()
  const self = flowing(meter)
  self.flow.pass(Buffer.from('ab'))
  self.fails = true
  t.doesNotThrow(() => meter.waiting.up!.go(2))
  t.match(self.failures, [{ code: 'FST_PROXY_AUTH_LISTENER_FAILED' }])
})
