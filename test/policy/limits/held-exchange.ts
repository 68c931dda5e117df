import t from 'tap'
import { HeldExchange } from '../../../lib/policy/limits/held-exchange.js'
import type { LimitFailure } from '../../../lib/policy/limits/meter.js'
import type { OctetSource, WaitingStream } from '../../../lib/policy/limits/source.js'

/** A source that has what it is given. */
class Given implements OctetSource {
  readonly line: WaitingStream[] = []
  constructor (public octets: number) {}
  ready (octets: number, waited: boolean) { return this.line.length > 0 && !waited ? 0 : Math.min(octets, this.octets) }
  spend (octets: number) { this.octets -= octets }
  queue (stream: WaitingStream) { this.line.push(stream) }
  leave (stream: WaitingStream) { if (this.line.includes(stream)) this.line.splice(this.line.indexOf(stream), 1) }
  /** Has the first in line served. */
  serve (octets: number) { this.octets += octets; this.line.shift()!.serve(octets) }
}
const held = (up: OctetSource[], down: OctetSource[] = []) => {
  const failures: LimitFailure[] = []
  const exchange = new HeldExchange(failure => failures.push(failure))
  for (const source of up) exchange.ask('up', source)
  for (const source of down) exchange.ask('down', source)
  return { exchange, failures, meter: exchange.meter! }
}

t.test('no source: there is no meter', async t => {
  t.equal(held([]).exchange.meter, undefined)
  t.equal(held([], [new Given(1)]).meter.take('up', 5), 5, 'the other way is free')
})

t.test('several sources: what all of them let goes, and counts in each', async t => {
  const [a, b] = [new Given(10), new Given(6)]
  const { meter } = held([a, b])
  t.equal(meter.take('up', 4), 4)
  t.equal(meter.take('up', 4), 2)
  t.same([a.octets, b.octets], [4, 0])
  t.equal(meter.take('up', 4), 0)
  t.same([a.octets, b.octets], [4, 0], 'where one lets none, none counts')
})

t.test('a stream whose sources have nothing: it waits for one, and then for the next', async t => {
  const [a, b] = [new Given(0), new Given(0)]
  const { meter } = held([a, b])
  const gone: number[] = []
  meter.wait('up', 5, octets => gone.push(octets))
  t.same([a.line.length, b.line.length], [1, 0])
  a.serve(3)
  t.same([a.line.length, b.line.length, gone], [0, 1, []])
  b.serve(2)
  t.same(gone, [2])
  t.same([a.octets, b.octets], [1, 0])
  meter.wait('up', 5, octets => gone.push(octets))
  b.serve(9)
  t.same(gone, [2, 1], 'no more than the other has')
})

t.test('all sources have some by now: the stream waits for the first of them', async t => {
  const source = new Given(3)
  const { meter } = held([source])
  const gone: number[] = []
  meter.wait('up', 5, octets => gone.push(octets))
  t.same(gone, [], 'it is never at once')
  source.line.shift()!.serve(3)
  t.same(gone, [3])
})

t.test('an exchange that is released: it waits no more, moves nothing, and gives back once what it holds', async t => {
  const [up, down] = [new Given(0), new Given(0)]
  const { exchange, meter, failures } = held([up], [down])
  let given = 0
  exchange.hold(() => { given += 1 })
  meter.wait('up', 1, () => t.fail('never'))
  meter.wait('down', 1, () => t.fail('never'))
  exchange.release()
  exchange.release()
  t.same([up.line.length, down.line.length, given, failures], [0, 0, 1, []])
  up.octets = 5
  t.equal(meter.take('up', 1), 0)
  meter.wait('up', 1, () => t.fail('never'))
  t.equal(up.line.length, 0)
})

t.test('a source with nothing to wait for: the exchange is ended once, and still to be released', async t => {
  const [up, down] = [new Given(0), new Given(0)]
  const { exchange, meter, failures } = held([up], [down])
  let given = 0
  exchange.hold(() => { given += 1 })
  meter.wait('up', 1, () => t.fail('never'))
  meter.wait('down', 1, () => t.fail('never'))
  const failure = new Error('spent') as LimitFailure
  up.line[0]!.fail(failure)
  t.same([up.line.length, down.line.length, given, failures], [0, 0, 0, [failure]])
  exchange.release()
  t.equal(given, 1)
})
