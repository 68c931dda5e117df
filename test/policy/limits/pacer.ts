import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import { Pacer } from '../../../lib/policy/limits/pacer.js'
import type { WaitingStream } from '../../../lib/policy/limits/source.js'

/** Time that goes on only as it is told to. */
function withTime (t: Test) {
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
  t.teardown(() => mock.timers.reset())
  const time = { now: 1000 }
  return {
    clock: () => time.now,
    pass: (ms: number) => { for (let i = 0; i < ms; i++) { time.now += 1; mock.timers.tick(1) } }
  }
}

/** A stream that always has more to move, in chunks. */
function saturated (pacer: Pacer, chunk = 65_536) {
  const stream = { moved: 0, turns: 0, over: false }
  let left = chunk
  const waiting: WaitingStream = {
    get octets () { return left },
    serve (most) {
      const octets = pacer.ready(Math.min(most, left), true)
      pacer.spend(octets)
      stream.turns += 1
      move(octets)
    },
    fail () {}
  }
  const move = (octets: number) => {
    stream.moved += octets
    left = left === octets ? chunk : left - octets
    go()
  }
  const go = () => {
    if (stream.over) return
    const octets = pacer.ready(left, false)
    if (octets === 0) return pacer.queue(waiting)
    pacer.spend(octets)
    move(octets)
  }
  go()
  return stream
}

for (const rate of [100_000, 1_000_000, 10_000_000, 100_000_000]) {
  for (const count of [1, 2, 16]) {
    t.test(`${count} streams at ${rate / 1_000_000} MB/s: over ten seconds it is the rate, and each has the same part`, async t => {
      const { clock, pass } = withTime(t)
      const pacer = new Pacer(rate, clock)
      const streams = Array.from({ length: count }, () => saturated(pacer))
      pass(10_000)
      const moved = streams.map(stream => stream.moved)
      const all = moved.reduce((sum, each) => sum + each, 0)
      t.ok(all >= rate * 9.9 && all <= rate * 10.1 + 1, `${all / rate / 10}`)
      const [least, most] = [Math.min(...moved), Math.max(...moved)]
      t.ok(most - least <= Math.max(0.1 * least, 2048), `${least} to ${most}`)
      for (const stream of streams) stream.over = true
      pass(10)
    })
  }
}

t.test('a slow rate: it is kept by the octet, and nothing goes before its time', async t => {
  const { clock, pass } = withTime(t)
  const pacer = new Pacer(10, clock)
  const stream = saturated(pacer)
  t.equal(stream.moved, 1)
  pass(100)
  t.equal(stream.moved, 2)
  pass(9900)
  t.equal(stream.moved, 101, 'with the first')
  stream.over = true
  pass(1000)
})

t.test('tokens are there and nothing waits: octets go at once; else they stand in line', async t => {
  const { clock, pass } = withTime(t)
  const pacer = new Pacer(100_000, clock)
  t.ok(pacer.idle)
  t.equal(pacer.ready(3000, false), 3000)
  pacer.spend(3000)
  t.notOk(pacer.idle)
  t.equal(pacer.ready(65_536, false), 2000)
  pacer.spend(2000)
  t.equal(pacer.ready(1, false), 0)
  const served: string[] = []
  const waiting = (name: string): WaitingStream => ({ octets: 1500, serve: most => { served.push(name); pacer.spend(most) }, fail () {} })
  const [a, b, c] = ['a', 'b', 'c'].map(waiting)
  for (const stream of [a, b, c]) pacer.queue(stream!)
  pacer.leave(b!)
  pass(10)
  t.same(served, [])
  t.equal(pacer.ready(1, false), 0, 'others wait')
  t.equal(pacer.ready(1, true), 1, 'it has waited elsewhere')
  pass(30)
  t.same(served, ['a', 'c'])
  pass(100)
  t.ok(pacer.ready(1000, false) > 0)
  t.ok(pacer.idle)
})

t.test('streams that have waited together: for a while each has its turn, also where tokens are there, and all that ask at once are served alike', async t => {
  const { clock, pass } = withTime(t)
  const pacer = new Pacer(100_000_000, clock)
  pacer.spend(5_000_000)
  const served: Array<[name: string, octets: number]> = []
  const queue = (name: string) => pacer.queue({ octets: 65_536, serve: most => { served.push([name, most]); pacer.spend(most) }, fail () {} })
  for (const name of ['a', 'b']) queue(name)
  pass(10)
  t.same(served, [['a', 65_536], ['b', 65_536]])
  t.equal(pacer.ready(1, false), 0, 'there are tokens')
  for (const name of ['b', 'a', 'c']) queue(name)
  pass(1)
  t.same(served.slice(2), [['b', 65_536], ['a', 65_536], ['c', 65_536]])
  pass(200)
  t.equal(pacer.ready(65_536, false), 65_536)
})

t.test('a stream that goes to wait elsewhere in its turn: the others have theirs', async t => {
  const { clock, pass } = withTime(t)
  const pacer = new Pacer(100_000, clock)
  pacer.spend(5000)
  let moved = 0
  pacer.queue({ octets: 5000, serve () {}, fail () {} })
  pacer.queue({ octets: 5000, serve (most) { moved += most; pacer.spend(most) }, fail () {} })
  pass(60)
  t.ok(moved >= 1024)
})

t.test('a clock of the system: it is taken', async t => {
  const pacer = new Pacer(1_000_000)
  t.equal(pacer.ready(10, false), 10)
})
